"""The aggregates of a provider."""

from __future__ import annotations

import msgspec
from kilonova_kit.http.operations import Answer
from kilonova_kit.http.versioned import Version

from kilonova_placement.api import schemas
from kilonova_placement.api.reading import ApiCall, check_accept, check_content, dated, read_body
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import providers, resource_providers
from kilonova_placement.model.providers import Provider

_GENERATION: Version = (1, 19)


async def show(call: ApiCall) -> Answer:
    check_accept(call)
    return _answer(call, (await providers.get(call.app, call.path["uuid"])).provider)


def _answer(call: ApiCall, provider: Provider) -> Answer:
    body = types.Aggregates(aggregates=provider.aggregates, resource_provider_generation=provider.api_generation)
    return dated(body, call)


async def put(call: ApiCall) -> Answer:
    """A bare list before 1.19; from then on with the generation that the client knows."""
    check_content(call)
    await providers.get(call.app, call.path["uuid"])
    body = await read_body(call, schemas.set_aggregates(call.version))
    if call.version < _GENERATION:
        names, generation = body, None
    else:
        names, generation = body["aggregates"], body["resource_provider_generation"]
    provider = await resource_providers.set_aggregates(call.app, call.path["uuid"], names, generation)
    return _answer(call, msgspec.structs.replace(provider, aggregates=tuple(names)))  # in the client's order
