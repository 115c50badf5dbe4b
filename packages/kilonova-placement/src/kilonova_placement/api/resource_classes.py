"""``/resource_classes``."""

from __future__ import annotations

from kilonova_kit.http.operations import Answer
from kilonova_kit.http.versioned import Version

from kilonova_placement.api import schemas
from kilonova_placement.api.reading import ApiCall, check_accept, check_shape, dated, href, location, read_body
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import catalog

_PUT_WITHOUT_BODY: Version = (1, 7)


def _body(call: ApiCall, name: str) -> types.ResourceClass:
    return types.ResourceClass(name=name, links=(types.Link("self", href(call, f"/resource_classes/{name}")),))


async def index(call: ApiCall) -> Answer:
    check_accept(call)
    found = await catalog.resource_classes(call.app)
    moment = max((made for made in found.values() if made is not None), default=None)
    body = types.ResourceClasses(resource_classes=tuple(_body(call, name) for name in found))
    return dated(body, call, moment)


async def show(call: ApiCall) -> Answer:
    check_accept(call)
    made = await catalog.find_class(call.app, call.path["name"])
    return dated(_body(call, call.path["name"]), call, made)


async def create(call: ApiCall) -> Answer:
    name = (await read_body(call, schemas.RESOURCE_CLASS))["name"]
    if not await catalog.make_class(call.app, name):
        raise catalog.exists_already(name)
    return Answer(status=201, headers=location(call, f"/resource_classes/{name}"))


async def update(call: ApiCall) -> Answer:
    """A new name, before 1.7; from then on it makes the class unless it exists."""
    name = call.path["name"]
    if call.version >= _PUT_WITHOUT_BODY:
        check_shape({"name": name}, schemas.RESOURCE_CLASS)
        made = await catalog.make_class(call.app, name)
        return Answer(status=201 if made else 204, headers=location(call, f"/resource_classes/{name}"))
    other = (await read_body(call, schemas.RESOURCE_CLASS))["name"]
    await catalog.rename_class(call.app, name, other)
    return Answer(_body(call, other))


async def delete(call: ApiCall) -> None:
    await catalog.delete_class(call.app, call.path["name"])
