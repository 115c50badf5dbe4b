"""The tags of a server, from 2.26 on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, NotFound
from kilonova_kit.http.operations import Answer, Call, NoQuery
from msgspec import Meta

from kilonova_compute.api.servers import found
from kilonova_compute.api.types.values import MOST_TAGS, Tag
from kilonova_compute.app import servers
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.servers import Server, VmState

_CHANGEABLE = frozenset({VmState.ACTIVE, VmState.PAUSED, VmState.STOPPED})
_MOST_LETTERS = 60

NoBody = Call[Compute, None, NoQuery]


class TagsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``{"tags": [...]}``."""

    tags: Annotated[list[Tag], Meta(max_length=MOST_TAGS)]


async def index(call: NoBody) -> dict[str, Any]:
    return {"tags": list((await found(call)).tags)}


async def show(call: NoBody) -> Answer:
    server = await found(call)
    _check_there(server, call.path["tag"])
    return Answer(status=204)


async def replace(call: Call[Compute, TagsBody, NoQuery]) -> dict[str, Any]:
    wanted = tuple(dict.fromkeys(call.body.tags))
    server = await _change(call, "update tags", lambda before: wanted)
    return {"tags": list(server.tags)}


async def put(call: NoBody) -> Answer:
    """201 for a new tag, 204 for one that is there."""
    tag, was_there = call.path["tag"], False

    def add(before: tuple[str, ...]) -> tuple[str, ...]:
        nonlocal was_there
        _check_valid(tag)
        if len(before) >= MOST_TAGS:
            raise BadRequest(f"The number of tags exceeded the per-server limit {MOST_TAGS}")
        was_there = tag in before
        return before if was_there else (*before, tag)

    await _change(call, "update tag", add)
    if was_there:
        return Answer(status=204)
    return Answer(status=201, headers={"Location": call.own_url})


def _check_valid(tag: str) -> None:
    if not tag or len(tag) > _MOST_LETTERS or "," in tag or "/" in tag:
        why = f"'{tag}' is too long" if len(tag) > _MOST_LETTERS else f"'{tag}' does not match '^[^,/]*$'"
        raise BadRequest(
            f"Tag '{tag}' is invalid. It must be a non empty string without characters '/' and ','. "
            f"Validation error message: {why}"
        )


async def delete(call: NoBody) -> Answer:
    tag = call.path["tag"]
    server = await found(call)
    _check_state(server, "delete tag")
    _check_there(server, tag)
    await _change(call, "delete tag", lambda before: tuple(one for one in before if one != tag))
    return Answer(status=204)


async def delete_all(call: NoBody) -> Answer:
    await _change(call, "delete tags", lambda before: ())
    return Answer(status=204)


def _check_there(server: Server, tag: str) -> None:
    if tag not in server.tags:
        raise NotFound(f"Server {server.id} has no tag '{tag}'")


def _check_state(server: Server, what: str) -> None:
    if server.vm_state not in _CHANGEABLE:
        raise Conflict(f"Cannot '{what}' instance {server.id} while it is in vm_state {server.vm_state.value}")


async def _change(
    call: Call[Compute, Any, NoQuery], what: str, how: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> Server:
    def change(before: Server) -> Server:
        _check_state(before, what)
        return msgspec.structs.replace(before, tags=how(before.tags))

    return await servers.change(call.app, await found(call), change)
