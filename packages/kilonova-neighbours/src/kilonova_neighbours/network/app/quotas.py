"""Quotas: how many things a project may have; counted in the transaction that makes one more."""

from __future__ import annotations

from kilonova_neighbours.network.app.work import Work
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.model.refusals import invalid, not_found, over_quota
from kilonova_neighbours.network.store import quotas


def take(work: Work, resource: str, project_id: str, number: int = 1) -> None:
    """Raise QuotaExceeded when ``number`` more would be too many."""
    limit = _limits(work, project_id)[resource]
    if limit >= 0 and quotas.used(work.tx, resource, project_id) + number > limit:
        raise over_quota([resource])


def _limits(work: Work, project_id: str) -> dict[str, int]:
    return {**work.settings.quotas, **quotas.own_limits(work.tx, project_id)}


def show(work: Work, project_id: str) -> Record:
    return dict(_limits(work, project_id))


def show_defaults(work: Work, project_id: str) -> Record:
    return dict(work.settings.quotas)


def show_details(work: Work, project_id: str) -> Record:
    return {
        resource: {"limit": limit, "used": quotas.used(work.tx, resource, project_id), "reserved": 0}
        for resource, limit in _limits(work, project_id).items()
    }


def list_all(work: Work) -> list[Record]:
    """The projects that have limits of their own."""
    return [
        {**show(work, project_id), "project_id": project_id, "tenant_id": project_id}
        for project_id in quotas.projects_with_limits(work.tx)
    ]


def change(work: Work, project_id: str, limits: dict[str, int], *, check_limit: bool = False) -> Record:
    """``check_limit``: refuse a limit below what is used already (quota-check-limit)."""
    if check_limit:
        _check_usage(work, project_id, limits)
    quotas.set_limits(work.tx, project_id, limits)
    return show(work, project_id)


def _check_usage(work: Work, project_id: str, limits: dict[str, int]) -> None:
    for resource, limit in limits.items():
        if 0 <= limit < (present := quotas.used(work.tx, resource, project_id)):
            raise invalid(
                "InvalidInput",
                f"Invalid input for operation: Quota limit {limit} for {resource} must be greater than or equal to "
                f"already used {present}.",
            )


def reset(work: Work, project_id: str) -> None:
    if not quotas.drop_limits(work.tx, project_id):
        raise not_found("quota", project_id)
