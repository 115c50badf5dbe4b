"""The metadata of a server: all of it, or one item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, NotFound
from kilonova_kit.http.operations import Answer, Call, NoQuery

from kilonova_compute.api.servers import found
from kilonova_compute.api.types.values import check_metadata
from kilonova_compute.app import create_servers, quotas, servers
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.servers import Server, VmState

_CHANGEABLE = frozenset({VmState.ACTIVE, VmState.PAUSED, VmState.STOPPED})


class MetadataBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``{"metadata": {...}}``."""

    metadata: dict[str, Any]


class ItemBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``{"meta": {key: value}}``."""

    meta: dict[str, Any]


NoBody = Call[Compute, None, NoQuery]


async def index(call: NoBody) -> dict[str, Any]:
    return {"metadata": (await found(call)).metadata}


async def show(call: NoBody) -> dict[str, Any]:
    server, key = await found(call), call.path["key"]
    if key not in server.metadata:
        raise NotFound("Metadata item was not found")
    return {"meta": {key: server.metadata[key]}}


async def create(call: Call[Compute, MetadataBody, NoQuery]) -> dict[str, Any]:
    """Add items; those that are there already get the new value."""
    given = check_metadata(call.body.metadata)
    server = await _change(call, lambda before: {**before, **given})
    return {"metadata": server.metadata}


async def replace(call: Call[Compute, MetadataBody, NoQuery]) -> dict[str, Any]:
    given = check_metadata(call.body.metadata)
    server = await _change(call, lambda before: given)
    return {"metadata": server.metadata}


async def put_item(call: Call[Compute, ItemBody, NoQuery]) -> dict[str, Any]:
    given, key = call.body.meta, call.path["key"]
    if len(given) != 1:
        raise BadRequest("Invalid input for field/attribute meta. It must have exactly one item")
    check_metadata(given, "meta")
    if key not in given:
        raise BadRequest("Request body and URI mismatch")
    await _change(call, lambda before: {**before, **given})
    return {"meta": given}


async def delete_item(call: NoBody) -> Answer:
    key = call.path["key"]
    if key not in (await found(call)).metadata:
        raise NotFound("Metadata item was not found")
    await _change(call, lambda before: {name: value for name, value in before.items() if name != key})
    return Answer(status=204)


async def _change(call: Call[Compute, Any, NoQuery], how: Callable[[dict[str, str]], dict[str, str]]) -> Server:
    """Change the metadata of a server that is in a state for it, within the limit."""
    server = await found(call)
    most = (await quotas.limits_of(call.app, server.project_id)).metadata_items

    def change(before: Server) -> Server:
        servers.check_unlocked(call.identity, before)
        if before.vm_state not in _CHANGEABLE:
            raise Conflict(
                f"Cannot 'update metadata' instance {before.id} while it is in vm_state {before.vm_state.value}"
            )
        metadata = how(before.metadata)
        create_servers.check_metadata_count(call.app, server.project_id, metadata, most)
        return msgspec.structs.replace(before, metadata=metadata)

    return await servers.change(call.app, server, change)
