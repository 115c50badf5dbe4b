"""``/v2/metadefs``: namespaces, and the objects, properties, tags and resource types within them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from kilonova_kit.clock import iso_seconds
from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer

from kilonova_neighbours.image.api.callers import Asked, caller_of
from kilonova_neighbours.image.api.types.metadefs import (
    definition_body,
    definition_of,
    list_body,
    namespace_body,
    namespace_of,
)

Handler = Callable[[Asked], Awaitable[Any]]
_WITHIN = ("association", "property", "object", "tag")


async def resource_types(call: Asked) -> dict[str, Any]:
    found = await call.app.metadefs.resource_types()
    times = [(name, iso_seconds(created)) for name, created in found]
    return {"resource_types": [{"name": name, "created_at": time, "updated_at": time} for name, time in times]}


async def list_namespaces(call: Asked) -> dict[str, Any]:
    """Pages by ``limit`` and ``marker`` (a namespace), newest first."""
    given = dict(parse_qsl(call.request.query_string))
    visibility, marker = given.get("visibility"), given.pop("marker", None)
    if visibility not in (None, "public", "private"):
        raise BadRequest(f"Invalid visibility value: {visibility}")
    types = [name for name in given.get("resource_types", "").split(",") if name]
    found = await call.app.metadefs.namespaces(caller_of(call), visibility, types)
    names = [each.namespace for each in found]
    if marker is not None and marker not in names:
        raise BadRequest(f"Metadata definition namespace={marker} was not found.")
    rest = found[names.index(marker) + 1 :] if marker is not None else found
    page = rest[: _limit(given.get("limit"), call)]
    base = "/v2/metadefs/namespaces"
    body = {
        "namespaces": [await _whole(call, namespace_body(each)) for each in page],
        "first": base + (f"?{urlencode(given)}" if given else ""),
        "schema": "/v2/schemas/metadefs/namespaces",
    }
    if page and len(rest) > len(page):
        body["next"] = f"{base}?{urlencode({**given, 'marker': page[-1].namespace})}"
    return body


def _limit(text: str | None, call: Asked) -> int:
    if text is None:
        return call.app.settings.page_default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequest("limit param must be an integer that is positive")
    return min(int(text), call.app.settings.page_maximum)


async def _whole(call: Asked, body: dict[str, Any], kinds: tuple[str, ...] = ("association",)) -> dict[str, Any]:
    """A namespace with what it holds; kinds of which there is none are left out."""
    for kind in kinds:
        if found := await call.app.metadefs.of_kind(body["namespace"], kind, caller_of(call)):
            listed = list_body(kind, found)
            listed.pop("schema", None)
            body |= listed
    return body


async def create_namespace(call: Asked) -> Answer:
    namespace, within = namespace_of(call.body, call.identity.project_id)
    made = await call.app.metadefs.add_namespace(namespace, within)
    body = await _whole(call, namespace_body(made), _WITHIN)
    return Answer(body, headers={"Location": f"{call.base_url}/metadefs/namespaces/{made.namespace}"})


async def show_namespace(call: Asked) -> dict[str, Any]:
    found = await call.app.metadefs.namespace(call.path["namespace"], caller_of(call))
    return await _whole(call, namespace_body(found), _WITHIN)


async def update_namespace(call: Asked) -> dict[str, Any]:
    new, _ = namespace_of(call.body, call.identity.project_id)
    changed = await call.app.metadefs.change_namespace(call.path["namespace"], new, caller_of(call))
    return namespace_body(changed)


async def delete_namespace(call: Asked) -> None:
    await call.app.metadefs.remove_namespace(call.path["namespace"], caller_of(call))


async def create_tags(call: Asked) -> dict[str, Any]:
    """All tags of a namespace at once; ``X-Openstack-Append: true`` keeps those that are there."""
    tags = call.body.get("tags") if isinstance(call.body, dict) else None
    if not isinstance(tags, list):
        raise BadRequest("Provided object does not match schema 'tags': 'tags' is a required property")
    namespace = call.path["namespace"]
    new = [definition_of("tag", namespace, tag) for tag in tags]
    keep = (call.request.get_header("X-Openstack-Append") or "").lower() == "true"
    found = await call.app.metadefs.replace_all(namespace, "tag", new, caller_of(call), keep=keep)
    return list_body("tag", found)


def lister(kind: str) -> Handler:
    async def list_all(call: Asked) -> dict[str, Any]:
        return list_body(kind, await call.app.metadefs.of_kind(call.path["namespace"], kind, caller_of(call)))

    return list_all


def shower(kind: str) -> Handler:
    async def show(call: Asked) -> dict[str, Any]:
        namespace, name = call.path["namespace"], call.path["name"]
        return definition_body(await call.app.metadefs.get(namespace, kind, name, caller_of(call)))

    return show


def creator(kind: str) -> Handler:
    """A tag's name stands in its URL, the others' in the body."""

    async def create(call: Asked) -> dict[str, Any]:
        body = {"name": call.path["name"]} if kind == "tag" else call.body
        definition = definition_of(kind, call.path["namespace"], body)
        return definition_body(await call.app.metadefs.add(definition, caller_of(call)))

    return create


def updater(kind: str) -> Handler:
    async def update(call: Asked) -> dict[str, Any]:
        new = definition_of(kind, call.path["namespace"], call.body)
        return definition_body(await call.app.metadefs.change(call.path["name"], new, caller_of(call)))

    return update


def remover(kind: str) -> Handler:
    """One by the name in the URL; all of the kind when the URL ends before a name."""

    async def remove(call: Asked) -> None:
        await call.app.metadefs.remove(call.path["namespace"], kind, call.path.get("name"), caller_of(call))

    return remove
