"""Unified limits, in the flat model: defaults per service and region, and what a project or domain has instead."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest, Conflict, Forbidden, NotFound
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding
from kilonova_neighbours.identity.app.changes import Values, changed
from kilonova_neighbours.identity.app.services import check_place
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.limits import Limit, RegisteredLimit


def registered(work: Work, limit_id: str) -> RegisteredLimit:
    if (found := store.REGISTERED_LIMITS.get(work.tx, id=limit_id)) is None:
        raise NotFound(f"Could not find registered limit for {limit_id}.")
    return found


def all_registered(work: Work, equals: Values) -> list[RegisteredLimit]:
    return store.REGISTERED_LIMITS.find(work.tx, **equals)


def register(work: Work, many: list[Values]) -> list[RegisteredLimit]:
    """All or none."""
    return [_register(work, values) for values in many]


def _register(work: Work, values: Values) -> RegisteredLimit:
    check_place(work, values)
    _refuse_registered(work, values, "")
    return store.REGISTERED_LIMITS.add(work.tx, RegisteredLimit(id=new_hex_id(), **values))


def _key(values: Values) -> Values:
    return {name: values.get(name) for name in ("service_id", "region_id", "resource_name")}


def _refuse_registered(work: Work, values: Values, own_id: str) -> None:
    known = store.REGISTERED_LIMITS.get(work.tx, **_key(values))
    if known is not None and known.id != own_id:
        raise Conflict("Conflict occurred attempting to store registered_limit - Duplicate entry.")


def change_registered(work: Work, limit_id: str, values: Values) -> RegisteredLimit:
    """Raises Forbidden as soon as anybody has a limit of its own, whatever is to be changed (as Keystone)."""
    known = registered(work, limit_id)
    _refuse_used(work, known)
    check_place(work, values)
    new = changed(known, values)
    place = {"service_id": new.service_id, "region_id": new.region_id, "resource_name": new.resource_name}
    _refuse_registered(work, place, known.id)
    return store.REGISTERED_LIMITS.change(work.tx, new)


def _refuse_used(work: Work, known: RegisteredLimit) -> None:
    place = {"service_id": known.service_id, "region_id": known.region_id, "resource_name": known.resource_name}
    if store.LIMITS.get(work.tx, **place):
        raise Forbidden(
            f"Unable to update or delete registered limit {known.id} because there are project limits associated "
            "with it."
        )


def delete_registered(work: Work, limit_id: str) -> None:
    _refuse_used(work, registered(work, limit_id))
    store.REGISTERED_LIMITS.remove(work.tx, id=limit_id)


def limit(work: Work, limit_id: str) -> Limit:
    if (found := store.LIMITS.get(work.tx, id=limit_id)) is None:
        raise NotFound(f"Could not find limit for {limit_id}.")
    return found


def limits(work: Work, equals: Values) -> list[Limit]:
    return store.LIMITS.find(work.tx, **equals)


def limits_in_domain(work: Work, domain_id: str) -> list[Limit]:
    """The domain's own, and those of every project in it."""
    projects = [project.id for project in store.PROJECTS.find(work.tx, domain_id=domain_id)]
    return [*store.LIMITS.find(work.tx, domain_id=domain_id), *store.LIMITS.find(work.tx, project_id=projects)]


def create(work: Work, many: list[Values]) -> list[Limit]:
    """All or none. Raises Forbidden for a resource without a registered limit."""
    return [_create(work, values) for values in many]


def _create(work: Work, values: Values) -> Limit:
    check_place(work, values)
    _check_owner(work, values)
    if store.REGISTERED_LIMITS.get(work.tx, **_key(values)) is None:
        raise Forbidden("Unable to create a limit that has no corresponding registered limit.")
    owner = {name: values.get(name) for name in ("project_id", "domain_id")}
    if store.LIMITS.get(work.tx, **_key(values), **owner):
        raise Conflict("Conflict occurred attempting to store limit - Duplicate entry.")
    return store.LIMITS.add(work.tx, Limit(id=new_hex_id(), **values))


def _check_owner(work: Work, values: Values) -> None:
    """A project or a domain that is there, and not both."""
    project_id, domain_id = values.get("project_id"), values.get("domain_id")
    if (project_id is None) == (domain_id is None):
        raise BadRequest("Give either a project_id or a domain_id.")
    known = store.PROJECTS.get(work.tx, id=project_id or domain_id)
    if known is None or known.is_domain != (domain_id is not None):
        name = "project_id" if project_id is not None else "domain_id"
        raise BadRequest(f"Expecting to find valid {name} in limit: there is no {project_id or domain_id}.")


def change(work: Work, limit_id: str, values: Values) -> Limit:
    return store.LIMITS.change(work.tx, changed(limit(work, limit_id), values))


def delete(work: Work, limit_id: str) -> None:
    limit(work, limit_id)
    store.LIMITS.remove(work.tx, id=limit_id)


def owner_domain(work: Work, known: Limit) -> str:
    """The domain a limit belongs to: for who may see it."""
    if known.domain_id:
        return known.domain_id
    return finding.project(work, known.project_id or "").domain_id
