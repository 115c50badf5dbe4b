"""Quotas (api-ref: quotas extension, quota_details)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, Rule, admin, reader

from kilonova_neighbours.network.api.converters import boolean, number
from kilonova_neighbours.network.api.resources import NetworkCall, actor_of
from kilonova_neighbours.network.app import quotas
from kilonova_neighbours.network.app.work import Work
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.model.refusals import bad_request, disallowed

_limit = number(-1, 2**31 - 1)
#: ``force`` is what happens without ``check_limit`` anyway.
_NOT_LIMITS = ("project_id", "tenant_id", "force")


def _reads(show: Callable[[Work, str], Record]) -> Callable[[NetworkCall], Any]:
    """One's own quota, or as an admin anybody's."""

    async def handle(call: NetworkCall) -> Record:
        actor, project_id = actor_of(call.identity), call.path["project_id"]
        if not actor.is_trusted and actor.project_id != project_id:
            raise disallowed("get_quota")
        return {"quota": await call.app.read(actor, lambda work: show(work, project_id))}

    return handle


async def _list(call: NetworkCall) -> Record:
    return {"quotas": await call.app.read(actor_of(call.identity), quotas.list_all)}


async def _tenant(call: NetworkCall) -> Record:
    project_id = call.identity.project_id or ""
    return {"tenant": {"tenant_id": project_id, "project_id": project_id}}


async def _update(call: NetworkCall) -> Record:
    given = call.body.get("quota")
    if not isinstance(given, dict):
        raise bad_request("Unable to find 'quota' in request body")
    known = call.app.settings.quotas
    given = dict(given)
    check_limit = boolean("check_limit", given.pop("check_limit", None) or False)
    given = {name: value for name, value in given.items() if name not in _NOT_LIMITS}
    if unknown := [name for name in given if name not in known]:
        raise bad_request(f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    limits = {name: _limit(name, value) for name, value in given.items()}
    project_id = call.path["project_id"]
    shown = await call.app.write(
        actor_of(call.identity),
        lambda work: quotas.change(work, project_id, limits, check_limit=check_limit),
    )
    return {"quota": shown}


async def _delete(call: NetworkCall) -> None:
    project_id = call.path["project_id"]
    await call.app.write(actor_of(call.identity), lambda work: quotas.reset(work, project_id))


def _line(name: str, method: str, path: str, handler: Any, rule: Rule, status: int = 200, **more: Any) -> Operation:
    verb = {"GET": "get", "PUT": "update", "DELETE": "delete"}[method]
    return Operation(
        name=name,
        method=method,
        path="/quotas" + path,
        handler=handler,
        policy=Policy(f"{verb}_quota", rule),
        status=status,
        **more,
    )


OPERATIONS = (
    _line("list_quotas", "GET", "", _list, admin),
    _line("show_quota_tenant", "GET", "/tenant", _tenant, reader),
    _line("show_quota_project", "GET", "/project", _tenant, reader),
    _line("show_quota", "GET", "/{project_id}", _reads(quotas.show), reader),
    _line("show_default_quota", "GET", "/{project_id}/default", _reads(quotas.show_defaults), reader),
    _line("show_quota_details", "GET", "/{project_id}/details", _reads(quotas.show_details), reader),
    _line("show_quota_details_file", "GET", "/{project_id}/details.json", _reads(quotas.show_details), reader),
    _line("update_quota", "PUT", "/{project_id}", _update, admin, takes=dict[str, Any]),
    _line("delete_quota", "DELETE", "/{project_id}", _delete, admin, 204),
)
