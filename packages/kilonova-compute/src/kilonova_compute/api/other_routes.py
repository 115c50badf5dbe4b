"""The URL table of small things: server groups, events of other services, extensions, and what is gone for good."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from kilonova_kit.errors import Gone
from kilonova_kit.http.operations import Answer, Call, NoQuery, Operation
from kilonova_kit.http.policy import Policy, admin_or_service
from kilonova_kit.ids import is_uuid_like
from msgspec import UNSET, Meta, UnsetType

from kilonova_compute.api import extensions, server_groups
from kilonova_compute.api.policies import everyone, reading, writing
from kilonova_compute.api.types.server_groups import CreateGroup, GroupAnswer, GroupList, GroupQuery
from kilonova_compute.api.types.values import invalid
from kilonova_compute.app import servers
from kilonova_compute.app.compute import Compute

# --- events of the network and volume services

_EVENTS_SINCE = {
    "network-changed": (2, 1),
    "network-vif-plugged": (2, 1),
    "network-vif-unplugged": (2, 1),
    "network-vif-deleted": (2, 1),
    "volume-extended": (2, 51),
    "power-update": (2, 76),
    "accelerator-request-bound": (2, 82),
    "volume-reimaged": (2, 93),
}
_WITH_TAG = frozenset({"volume-extended", "power-update", "accelerator-request-bound", "volume-reimaged"})


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that another service did for a server; in the answer with what became of it."""

    name: str
    server_uuid: str
    status: Literal["failed", "completed", "in-progress"] = "completed"
    tag: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    code: int | UnsetType = UNSET


class Events(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /os-server-external-events``, and its answer."""

    events: Annotated[list[Event], Meta(min_length=1)]


async def receive_events(call: Call[Compute, Events, NoQuery]) -> Answer:
    """Accept what concerns a server on a host. Ports are looked at soon, for the network may have changed."""
    for event in call.body.events:
        if call.version < _EVENTS_SINCE.get(event.name, (9999, 0)):
            raise invalid("name", event.name, f"'{event.name}' is not one of {list(_EVENTS_SINCE)}")
        if not is_uuid_like(event.server_uuid):
            raise invalid("server_uuid", event.server_uuid, f"'{event.server_uuid}' is not a 'uuid'")
    answered = [await _received(call, event) for event in call.body.events]
    if any(event.code == 200 for event in answered):
        call.app.network.forget()
        call.app.wire_ports()
    return Answer(Events(events=answered), status=200 if all(event.code == 200 for event in answered) else 207)


async def _received(call: Call[Compute, Events, NoQuery], event: Event) -> Event:
    code = await _code_of(call, event)
    return msgspec.structs.replace(event, code=code, status="completed" if code == 200 else "failed")


async def _code_of(call: Call[Compute, Events, NoQuery], event: Event) -> int:
    found = await servers.indexed(call.app, event.server_uuid)  # a service speaks of everybody's servers
    if found is None:
        return 404
    if event.name in _WITH_TAG and event.tag is UNSET:
        return 400
    return 200 if found.host else 422


# --- what is gone: 410 at every version, as upstream answers

_GONE = (
    "os-agents",
    "os-cells",
    "os-certificates",
    "os-cloudpipe",
    "os-fixed-ips",
    "os-floating-ip-dns",
    "os-floating-ips-bulk",
    "os-fping",
    "os-security-group-default-rules",
)


async def gone(call: Call[Compute, None, NoQuery]) -> Answer:
    raise Gone("This resource is no longer available. No forwarding address is given.")


def _gone_operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(
            name=f"{path}.{method.lower()}{'' if tail else '_all'}",
            method=method,
            path=f"/{path}{tail}",
            handler=gone,
            policy=everyone(path),
            summary="Removed.",
        )
        for path in _GONE
        for tail, methods in (("", ("GET", "POST")), ("/{identifier}", ("GET", "PUT", "DELETE")))
        for method in methods
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="server_groups.index",
        method="GET",
        path="/os-server-groups",
        handler=server_groups.index,
        policy=reading("os-server-groups:index"),
        returns=GroupList,
        query=GroupQuery,
        strict_query=(2, 75),
        summary="List server groups.",
    ),
    Operation(
        name="server_groups.create",
        method="POST",
        path="/os-server-groups",
        handler=server_groups.create,
        policy=writing("os-server-groups:create"),
        takes=CreateGroup,
        returns=GroupAnswer,
        summary="Make a server group.",
    ),
    Operation(
        name="server_groups.show",
        method="GET",
        path="/os-server-groups/{group_id}",
        handler=server_groups.show,
        policy=reading("os-server-groups:show"),
        returns=GroupAnswer,
        strict_query=(2, 102),
        summary="Show a server group.",
    ),
    Operation(
        name="server_groups.delete",
        method="DELETE",
        path="/os-server-groups/{group_id}",
        handler=server_groups.delete,
        policy=writing("os-server-groups:delete"),
        status=204,
        summary="Delete a server group.",
    ),
    Operation(
        name="server_external_events.create",
        method="POST",
        path="/os-server-external-events",
        handler=receive_events,
        policy=Policy("os_compute_api:os-server-external-events:create", admin_or_service),
        takes=Events,
        returns=Events,
        summary="Hear what another service did for servers.",
    ),
    *extensions.OPERATIONS,
    *_gone_operations(),
)
