"""``/resource_providers``, and the usages and allocations of one."""

from __future__ import annotations

from uuid import UUID

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer
from kilonova_kit.http.versioned import Version

from kilonova_placement.api import queries, schemas
from kilonova_placement.api.reading import (
    ApiCall,
    Parameters,
    check_accept,
    check_content,
    dated,
    href,
    location,
    read_body,
    read_parameters,
)
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import allocations as allocation_rules
from kilonova_placement.app import catalog, providers, resource_providers
from kilonova_placement.app.filters import ProviderFilter
from kilonova_placement.app.resource_providers import NewPlace
from kilonova_placement.model.providers import Provider

_BODY_OF_CREATED, _REPARENTING = (1, 20), (1, 37)

#: Links of a provider, and the version each came with.
_LINKS: tuple[tuple[str, Version], ...] = (
    ("inventories", (1, 0)),
    ("usages", (1, 0)),
    ("aggregates", (1, 1)),
    ("traits", (1, 6)),
    ("allocations", (1, 11)),
)


def _path(call: ApiCall, provider: Provider) -> str:
    return href(call, f"/resource_providers/{provider.provider_id}")


def _body(call: ApiCall, provider: Provider) -> types.ResourceProvider:
    own = _path(call, provider)
    parts = [types.Link(name, f"{own}/{name}") for name, since in _LINKS if call.version >= since]
    return types.ResourceProvider(
        uuid=provider.provider_id,
        name=provider.name,
        generation=provider.api_generation,
        links=(types.Link("self", own), *parts),
        parent_provider_uuid=provider.parent_id,
        root_provider_uuid=provider.root_id,
    )


async def index(call: ApiCall) -> Answer:
    check_accept(call)
    given = read_parameters(call, schemas.list_providers(call.version))
    found = await providers.filtered(call.app, await _filter(call, given))
    body = types.ResourceProviders(resource_providers=tuple(_body(call, use.provider) for use in found))
    return dated(body, call, max((use.provider.updated_at for use in found), default=None))


async def _filter(call: ApiCall, given: Parameters) -> ProviderFilter:
    last, version = given.last, call.version
    member_of, required = queries.read_member_of(given, version), queries.read_required(given, version)
    resources = queries.read_resources(last["resources"]) if "resources" in last else {}
    traits = frozenset[str]().union(*required.any, required.none)
    unknown_classes, unknown_traits = await catalog.check_names(call.app, resources, traits)
    if unknown_traits:
        raise BadRequest(f'Invalid trait(s) in "required" parameter: No such trait(s): {", ".join(unknown_traits)}.')
    if unknown_classes:
        raise BadRequest(f"Invalid resource class in resources parameter: No such resource class {unknown_classes[0]}.")
    return ProviderFilter(
        name=last.get("name") or None,
        uuid=last.get("uuid"),
        root_id=await providers.root_of(call.app, last.get("in_tree")),
        resources=resources,
        member_of=member_of,
        required=required,
    )


async def create(call: ApiCall) -> Answer:
    body = await read_body(call, schemas.create_provider(call.version))
    own_id = str(UUID(body["uuid"])) if body.get("uuid") else None
    made = await resource_providers.create(call.app, body["name"], own_id, body.get("parent_provider_uuid"))
    where = location(call, f"/resource_providers/{made.provider_id}")
    if call.version < _BODY_OF_CREATED:
        return Answer(status=201, headers=where)
    answer = dated(_body(call, made), call, made.updated_at)
    answer.headers = {**answer.headers, **where}
    return answer


async def show(call: ApiCall) -> Answer:
    check_accept(call)
    provider = (await providers.get(call.app, call.path["uuid"])).provider
    return dated(_body(call, provider), call, provider.updated_at)


async def update(call: ApiCall) -> Answer:
    check_content(call)
    await providers.get(call.app, call.path["uuid"])
    body = await read_body(call, schemas.update_provider(call.version))
    place = NewPlace(body["parent_provider_uuid"]) if "parent_provider_uuid" in body else None
    provider = await resource_providers.update(
        call.app, call.path["uuid"], body["name"], place, may_move=call.version >= _REPARENTING
    )
    return dated(_body(call, provider), call, provider.updated_at)


async def delete(call: ApiCall) -> None:
    await resource_providers.delete(call.app, call.path["uuid"])


async def usages(call: ApiCall) -> Answer:
    check_accept(call)
    use = await providers.get(call.app, call.path["uuid"])
    sums = {**dict.fromkeys(use.provider.inventories, 0), **use.used}
    return dated(types.Usages(usages=sums, resource_provider_generation=use.provider.api_generation), call)


async def allocations(call: ApiCall) -> Answer:
    check_accept(call)
    provider, consumers = await allocation_rules.on_provider(call.app, call.path["uuid"])
    found = {
        consumer.consumer_id: types.ConsumerAllocation(
            resources=consumer.amounts()[provider.provider_id], consumer_generation=consumer.generation
        )
        for consumer in consumers
    }
    moment = max((claim.created_at for consumer in consumers for claim in consumer.claims), default=None)
    body = types.ProviderAllocations(allocations=found, resource_provider_generation=provider.api_generation)
    return dated(body, call, moment)
