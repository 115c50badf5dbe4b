"""Services: one ``nova-compute`` per host, and the controller's own parts."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from kilonova_kit.clock import iso_micros
from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.operations import Answer, Call, NoQuery
from kilonova_kit.ids import is_uuid_like
from msgspec import UNSET

from kilonova_compute.api import list_pages
from kilonova_compute.api.types.hosts import (
    OldServiceChange,
    ServiceAnswer,
    ServiceChange,
    ServiceList,
    ServiceQuery,
    ServiceView,
)
from kilonova_compute.api.types.values import as_bool
from kilonova_compute.api.versions import PARTIAL_RESULTS
from kilonova_compute.app import aggregates, hosts
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.hosts import Host

AnyCall = Call[Compute, Any, Any]
OldCall = Call[Compute, OldServiceChange, NoQuery]

COMPUTE = "nova-compute"
#: Parts of every controller; their old integer ids must not meet those of hosts.
CONTROLLER_PARTS = {"nova-conductor": 2**30, "nova-scheduler": 2**30 + 1}
_UUIDS = (2, 53)
_FORCE_DOWN = (2, 11)


async def index(call: Call[Compute, None, ServiceQuery]) -> ServiceList:
    wanted_host, wanted_binary = list_pages.last(call.query.host), list_pages.last(call.query.binary)
    dark = call.app.unreachable_cells() if call.version >= PARTIAL_RESULTS else frozenset()
    views = [*_own_parts(call), *(_view(call, host, dark=host.cell in dark) for host in hosts.all_hosts(call.app))]
    shown = [
        view
        for view in views
        if (not wanted_host or view.host == wanted_host) and (not wanted_binary or view.binary == wanted_binary)
    ]
    return ServiceList(services=shown)


def _own_parts(call: AnyCall) -> list[ServiceView]:
    """What this controller does beside answering; it is up, or nobody would be told."""
    name, now = call.app.engine.holder, iso_micros(call.app.clock())
    return [
        ServiceView(
            id=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{binary}")) if call.version >= _UUIDS else number,
            binary=binary,
            host=name,
            zone="internal",
            status="enabled",
            state="up",
            updated_at=now,
            disabled_reason=None,
            forced_down=False,
        )
        for binary, number in CONTROLLER_PARTS.items()
    ]


def _view(call: AnyCall, host: Host, *, dark: bool = False) -> ServiceView:
    if dark:
        return ServiceView(binary=COMPUTE, host=host.name, status="UNKNOWN")
    return ServiceView(
        id=host.id if call.version >= _UUIDS else host.number,
        binary=COMPUTE,
        host=host.name,
        zone=host.zone,
        status="disabled" if host.disabled else "enabled",
        state="up" if host.is_up(call.app.clock()) else "down",
        updated_at=iso_micros(host.heard_at) if host.heard_at else None,
        disabled_reason=host.disabled_reason,
        forced_down=host.forced_down,
    )


# --- before 2.53: by host, binary and a verb in the URL


async def update_old(call: OldCall) -> ServiceAnswer:
    verbs: dict[str, Callable[[OldCall], Awaitable[dict[str, Any]]]] = {
        "enable": _enable,
        "disable": _disable,
        "disable-log-reason": _disable_with_reason,
    }
    if call.version >= _FORCE_DOWN:
        verbs["force-down"] = _force_down
    if (verb := verbs.get(call.path["service_id"])) is None:
        raise NotFound("Unknown action")
    return ServiceAnswer(service={"host": call.body.host, "binary": call.body.binary, **await verb(call)})


def _named(call: OldCall) -> Host:
    binary, name = call.body.binary, call.body.host
    if binary != COMPUTE:
        raise BadRequest(f"Updating a {binary} service is not supported. Only nova-compute services can be updated.")
    try:
        return hosts.by_name(call.app, name)
    except NotFound:
        raise NotFound(f"Host '{name}' is not mapped to any cell") from None


async def _enable(call: OldCall) -> dict[str, Any]:
    await hosts.set_disabled(call.app, _named(call), False, None)
    return {"status": "enabled"}


async def _disable(call: OldCall) -> dict[str, Any]:
    await hosts.set_disabled(call.app, _named(call), True, None)
    return {"status": "disabled"}


async def _disable_with_reason(call: OldCall) -> dict[str, Any]:
    reason = call.body.disabled_reason
    if reason is UNSET:
        raise BadRequest("Missing disabled reason field")
    await hosts.set_disabled(call.app, _named(call), True, reason)
    return {"status": "disabled", "disabled_reason": reason}


async def _force_down(call: OldCall) -> dict[str, Any]:
    if call.body.forced_down is UNSET:
        raise BadRequest("Missing forced_down field")
    forced = as_bool("forced_down", call.body.forced_down)
    await hosts.force_down(call.app, _named(call), forced)
    return {"forced_down": forced}


# --- from 2.53: by id


async def update(call: Call[Compute, ServiceChange, NoQuery]) -> ServiceAnswer:
    wanted, host = call.body, _identified(call)
    if wanted.status is UNSET and wanted.forced_down is UNSET:
        raise BadRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    if wanted.status == "enabled" and wanted.disabled_reason is not UNSET:
        raise BadRequest("Specifying 'disabled_reason' with status 'enabled' is invalid.")
    forced = UNSET if wanted.forced_down is UNSET else as_bool("forced_down", wanted.forced_down)
    if wanted.status is not UNSET:
        reason = wanted.disabled_reason if wanted.disabled_reason is not UNSET else None
        host = await hosts.set_disabled(call.app, host, wanted.status == "disabled", reason)
    if forced is not UNSET:
        host = await hosts.force_down(call.app, host, forced)
    return ServiceAnswer(service=_view(call, host))


def _identified(call: AnyCall) -> Host:
    service_id = call.path["service_id"]
    if call.version >= _UUIDS and not is_uuid_like(service_id):
        raise BadRequest(f"Invalid uuid {service_id}")
    if call.version < _UUIDS and not service_id.isdecimal():
        raise BadRequest(f"Invalid input received: id must be an integer, not {service_id}")
    for part in _own_parts(call):
        if str(part.id) == service_id:
            raise BadRequest(
                f"Updating a {part.binary} service is not supported. Only nova-compute services can be updated."
            )
    for host in call.app.hosts.values():
        if service_id == (host.id if call.version >= _UUIDS else str(host.number)):
            return host
    raise NotFound(f"Service {service_id} could not be found.")


async def delete(call: Call[Compute, None, NoQuery]) -> Answer:
    host = _identified(call)
    await hosts.forget(call.app, host)
    await aggregates.forget_host(call.app, host.name)
    return Answer()
