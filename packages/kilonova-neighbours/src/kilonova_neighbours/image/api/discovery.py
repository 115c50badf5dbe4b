"""What a client asks before it begins: versions, schemas, import methods, usage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilonova_kit.errors import NotFound
from kilonova_kit.http.operations import Answer

from kilonova_neighbours.image.api.callers import Asked, caller_of
from kilonova_neighbours.image.app.imports import METHODS
from kilonova_neighbours.image.model import metadef_schemas, schemas

#: What Glance lists when it has one store and no cache (glance, api/versions.py).
_SUPPORTED = ("v2.15", "v2.9", "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0")

_SCHEMAS: Mapping[str, schemas.Schema] = {
    "image": schemas.IMAGE,
    "images": schemas.collection("images", schemas.IMAGE),
    "member": schemas.MEMBER,
    "members": schemas.collection("members", schemas.MEMBER, [{"rel": "describedby", "href": "{schema}"}]),
    "task": schemas.TASK,
    "tasks": schemas.collection("tasks", schemas.TASK),
}


async def versions(call: Asked) -> Answer:
    return Answer({"versions": _versions(call)})


async def choices(call: Asked) -> Answer:
    """The same list, with the status that says "choose one"."""
    return Answer({"versions": _versions(call)}, status=300)


def _versions(call: Asked) -> list[dict[str, Any]]:
    links = [{"rel": "self", "href": f"{call.base_url}/"}]
    current = [{"id": "v2.17", "status": "CURRENT", "links": links}]
    return current + [{"id": version, "status": "SUPPORTED", "links": links} for version in _SUPPORTED]


async def schema(call: Asked) -> schemas.Schema:
    return _found(_SCHEMAS.get(call.path["name"]))


async def metadef_schema(call: Asked) -> schemas.Schema:
    return _found(metadef_schemas.SCHEMAS.get(call.path["name"]))


def _found(found: schemas.Schema | None) -> schemas.Schema:
    if found is None:
        raise NotFound("The resource could not be found.")
    return found


async def import_info(call: Asked) -> dict[str, Any]:
    methods = {"description": "Import methods available.", "type": "array", "value": list(METHODS)}
    return {"import-methods": methods}


async def stores_info(call: Asked) -> None:
    raise NotFound("Multi backend is not supported at this site.")


async def usage_info(call: Asked) -> dict[str, Any]:
    return {"usage": await call.app.images.usage(caller_of(call).project_id)}
