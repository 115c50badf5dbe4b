"""Tags of a resource (api-ref: standard-attr-tag, tag-creation)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, member, reader

from kilonova_neighbours.network.api.resources import NetworkCall, actor_of, revision_asked
from kilonova_neighbours.network.app import tags
from kilonova_neighbours.network.app.kinds import TAGGED
from kilonova_neighbours.network.app.work import Work
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.model.refusals import invalid

_LONGEST = 255


def _checked(tag: Any) -> str:
    if not isinstance(tag, str) or not 0 < len(tag) <= _LONGEST:
        raise invalid("HTTPBadRequest", f"Invalid input for tags. Reason: '{tag}' is not a valid tag.")
    return tag


def _body_tags(call: NetworkCall) -> list[str]:
    given = call.body.get("tags")
    if not isinstance(given, list):
        raise invalid("HTTPBadRequest", "Invalid tags body")
    if len(set(map(str, given))) != len(given):
        raise invalid("HTTPBadRequest", f"Invalid input for tags. Reason: Duplicate items in the list: {given}.")
    return [_checked(tag) for tag in given]


async def _write(call: NetworkCall, change: Callable[[Work], Any]) -> Any:
    return await call.app.write(actor_of(call.identity), change, if_revision=revision_asked(call))


def _operations(collection: str) -> Iterable[Operation]:
    kind = TAGGED[collection]
    path = f"/{collection}/{{id}}/tags"

    async def show(call: NetworkCall) -> Record:
        actor = actor_of(call.identity)
        return {"tags": await call.app.read(actor, lambda work: tags.list_tags(work, kind, call.path["id"]))}

    async def check(call: NetworkCall) -> None:
        where = call.path
        await call.app.read(actor_of(call.identity), lambda work: tags.has_tag(work, kind, where["id"], where["tag"]))

    async def replace(call: NetworkCall) -> Record:
        wanted = _body_tags(call)
        return {"tags": await _write(call, lambda work: tags.replace(work, kind, call.path["id"], wanted))}

    async def create(call: NetworkCall) -> Record:
        wanted = _body_tags(call)
        return {"tags": await _write(call, lambda work: tags.add(work, kind, call.path["id"], wanted))}

    async def clear(call: NetworkCall) -> None:
        await _write(call, lambda work: tags.replace(work, kind, call.path["id"], ()))

    async def add(call: NetworkCall) -> None:
        tag = _checked(call.path["tag"])
        await _write(call, lambda work: tags.add(work, kind, call.path["id"], (tag,)))

    async def remove(call: NetworkCall) -> None:
        await _write(call, lambda work: tags.remove(work, kind, call.path["id"], call.path["tag"]))

    lines: tuple[tuple[str, str, str, Any, int, bool], ...] = (
        ("show", "GET", path, show, 200, False),
        ("replace", "PUT", path, replace, 200, True),
        ("create", "POST", path, create, 200, True),
        ("clear", "DELETE", path, clear, 204, False),
        ("check", "GET", path + "/{tag}", check, 204, False),
        ("add", "PUT", path + "/{tag}", add, 201, False),
        ("remove", "DELETE", path + "/{tag}", remove, 204, False),
    )
    for verb, method, where, handler, status, has_body in lines:
        policy = {"GET": "get", "DELETE": "delete", "POST": "create"}.get(method, "update")
        yield Operation(
            name=f"{verb}_{kind.singular}_tags",
            method=method,
            path=where,
            handler=handler,
            policy=Policy(f"{policy}_{collection.replace('-', '_')}_tags", reader if method == "GET" else member),
            status=status,
            takes=dict[str, Any] if has_body else None,
        )


OPERATIONS = tuple(operation for collection in TAGGED for operation in _operations(collection))
