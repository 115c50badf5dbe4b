"""The Placement API's lists of names: resource classes and traits, and the document at its root."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.operations import Answer, Call

from kilonova_placement.api.resource_providers import PREFIX, dated
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import catalog
from kilonova_placement.app.placement import PlacementApp

MINIMUM, MAXIMUM = (1, 0), (1, 39)


async def root(call: Call[PlacementApp, None, None]) -> Answer:
    document = types.VersionDocument(
        id=f"v{MINIMUM[0]}.{MINIMUM[1]}",
        max_version=f"{MAXIMUM[0]}.{MAXIMUM[1]}",
        min_version=f"{MINIMUM[0]}.{MINIMUM[1]}",
        status="CURRENT",
        links=(types.Link("self", ""),),
    )
    return dated(types.Versions(versions=(document,)), call)


def _class(name: str) -> types.ResourceClass:
    return types.ResourceClass(name=name, links=(types.Link("self", f"{PREFIX}/resource_classes/{name}"),))


async def resource_classes(call: Call[PlacementApp, None, None]) -> Answer:
    found = tuple(_class(name) for name in catalog.resource_classes(call.app))
    return dated(types.ResourceClasses(resource_classes=found), call)


async def resource_class(call: Call[PlacementApp, None, None]) -> Answer:
    name = call.path["name"]
    if name not in catalog.resource_classes(call.app):
        raise NotFound(f"No such resource class {name}.")
    return dated(_class(name), call)


async def traits(call: Call[PlacementApp, None, types.TraitsQuery]) -> Answer:
    found = catalog.traits(call.app)
    if call.query.associated is not None:
        wanted, here = _associated(call.query.associated), catalog.associated_traits(call.app)
        found = [name for name in found if (name in here) == wanted]
    if call.query.name is not None:
        found = _named(found, call.query.name)
    return dated(types.Traits(traits=tuple(found)), call)


def _associated(text: str) -> bool:
    """``true`` or ``false``, as the real service spells it."""
    if text.lower() not in ("true", "false"):
        raise BadRequest(f'The query parameter "associated" only accepts "true" or "false", not {text!r}')
    return text.lower() == "true"


def _named(found: list[str], text: str) -> list[str]:
    """``startswith:CUSTOM`` or ``in:A,B``."""
    operator, _, value = text.partition(":")
    if operator == "startswith":
        return [name for name in found if name.startswith(value)]
    if operator == "in":
        wanted = set(value.split(","))
        return [name for name in found if name in wanted]
    raise BadRequest(
        "Badly formatted name parameter. Expected name query string parameter in form: "
        f'?name=[in|startswith]:[name1,name2|prefix]. Got: "{text}"'
    )


async def trait(call: Call[PlacementApp, None, None]) -> Answer:
    name = call.path["name"]
    if name not in catalog.traits(call.app):
        raise NotFound(f"No such trait(s): {name}.")
    answer = dated(None, call)
    answer.status = 204
    return answer
