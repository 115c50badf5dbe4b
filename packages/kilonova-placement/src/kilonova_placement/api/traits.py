"""``/traits`` and the traits of a provider."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer

from kilonova_placement.api import schemas
from kilonova_placement.api.reading import (
    ApiCall,
    check_accept,
    date_headers,
    dated,
    location,
    read_body,
    read_parameters,
)
from kilonova_placement.api.shapes import find_flaw
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import catalog, providers, resource_providers
from kilonova_placement.model.providers import Provider


async def index(call: ApiCall) -> Answer:
    check_accept(call)
    given = read_parameters(call, schemas.LIST_TRAITS).last
    every = await catalog.traits(call.app)
    found = _named(list(every), given["name"]) if "name" in given else list(every)
    if "associated" in given:
        wanted, here = _associated(given["associated"]), catalog.associated_traits(call.app)
        found = [name for name in found if (name in here) == wanted]
    moment = max((made for name in found if (made := every[name]) is not None), default=None)
    return dated(types.Traits(traits=tuple(found)), call, moment)


def _associated(text: str) -> bool:
    """``true`` or ``false``, in any case of letters."""
    if text.lower() not in ("true", "false"):
        raise BadRequest('The query parameter "associated" only accepts "true" or "false"')
    return text.lower() == "true"


def _named(found: list[str], text: str) -> list[str]:
    """``startswith:CUSTOM`` or ``in:A,B``; another operator asks nothing."""
    if ":" not in text:
        raise BadRequest(
            "Badly formatted name parameter. Expected name query string parameter in form: "
            f'?name=[in|startswith]:[name1,name2|prefix]. Got: "{text}"'
        )
    operator, _, value = text.partition(":")
    if operator == "startswith":
        return [name for name in found if name.startswith(value)]
    if operator == "in":
        wanted = set(value.split(","))
        return [name for name in found if name in wanted]
    return found


async def show(call: ApiCall) -> Answer:
    made = await catalog.find_trait(call.app, call.path["name"])
    return Answer(status=204, headers=date_headers(call, made))


async def put(call: ApiCall) -> Answer:
    name = call.path["name"]
    if find_flaw(name, schemas.CUSTOM_TRAIT):
        raise BadRequest(
            "The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "
            '"CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"'
        )
    made = await catalog.make_trait(call.app, name)
    moment = await catalog.find_trait(call.app, name)
    headers = {**location(call, f"/traits/{name}"), **date_headers(call, moment)}
    return Answer(status=201 if made else 204, headers=headers)


async def delete(call: ApiCall) -> None:
    await catalog.delete_trait(call.app, call.path["name"])


async def of_provider(call: ApiCall) -> Answer:
    check_accept(call)
    return await _answer(call, (await providers.get(call.app, call.path["uuid"])).provider)


async def _answer(call: ApiCall, provider: Provider) -> Answer:
    every = await catalog.traits(call.app) if provider.traits else {}
    moment = max((made for name in provider.traits if (made := every.get(name)) is not None), default=None)
    body = types.ProviderTraits(traits=provider.traits, resource_provider_generation=provider.api_generation)
    return dated(body, call, moment)


async def set_of_provider(call: ApiCall) -> Answer:
    body = await read_body(call, schemas.SET_TRAITS)
    generation = body["resource_provider_generation"]
    return await _answer(
        call, await resource_providers.set_traits(call.app, call.path["uuid"], body["traits"], generation)
    )


async def delete_of_provider(call: ApiCall) -> None:
    await resource_providers.set_traits(call.app, call.path["uuid"], (), None)
