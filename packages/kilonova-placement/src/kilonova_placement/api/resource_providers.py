"""The Placement API's view of providers: ``/resource_providers`` and what hangs on one, read-only for now."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.operations import Answer, Call
from kilonova_kit.http.versioned import Version
from kilonova_kit.ids import is_uuid_like

from kilonova_placement.api import queries
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import catalog, providers
from kilonova_placement.app.filters import ProviderFilter
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.model.providers import Inventory, Provider, ProviderUse

PREFIX = "/placement"
_CACHE_HEADERS: Version = (1, 15)

#: Links of a provider, and the version each came with.
_LINKS: tuple[tuple[str, Version], ...] = (
    ("inventories", (1, 0)),
    ("usages", (1, 0)),
    ("aggregates", (1, 1)),
    ("traits", (1, 6)),
    ("allocations", (1, 11)),
)


def dated(body: Any, call: Call[Any, Any, Any], moment: float | None = None) -> Answer:
    """The answer with ``last-modified`` and ``cache-control`` from 1.15 on; without a moment it is now."""
    if call.version < _CACHE_HEADERS:
        return Answer(body)
    when = call.app.clock() if moment is None else moment
    return Answer(body, headers={"Last-Modified": formatdate(when, usegmt=True), "Cache-Control": "no-cache"})


async def index(call: Call[PlacementApp, None, types.ProvidersQuery]) -> Answer:
    found = await providers.filtered(call.app, await _filter(call))
    body = types.ResourceProviders(resource_providers=tuple(_body(use.provider, call.version) for use in found))
    return dated(body, call, max((use.provider.updated_at for use in found), default=None))


async def _filter(call: Call[PlacementApp, None, types.ProvidersQuery]) -> ProviderFilter:
    query, version = call.query, call.version
    for name, value in (("uuid", query.uuid), ("in_tree", query.in_tree)):
        if value is not None and not is_uuid_like(value):
            raise BadRequest(f"Invalid query string parameters: {value!r} is not a 'uuid' ({name})")
    resources = queries.read_resources(query.resources)
    if unknown := sorted(set(resources) - set(catalog.resource_classes(call.app))):
        raise BadRequest(f"Invalid resource class in resources parameter: No such resource class {unknown[0]}.")
    return ProviderFilter(
        name=query.name,
        uuid=query.uuid,
        root_id=await providers.root_of(call.app, query.in_tree),
        resources=resources,
        member_of=queries.read_member_of(query.member_of, version),
        required=queries.read_required(query.required, version, catalog.traits(call.app)),
    )


def _body(provider: Provider, version: Version) -> types.ResourceProvider:
    own = f"{PREFIX}/resource_providers/{provider.provider_id}"
    parts = [types.Link(name, f"{own}/{name}") for name, since in _LINKS if version >= since]
    return types.ResourceProvider(
        uuid=provider.provider_id,
        name=provider.name,
        generation=provider.generation,
        links=(types.Link("self", own), *parts),
        parent_provider_uuid=provider.parent_id,
        root_provider_uuid=provider.root_id,
    )


async def _use(call: Call[PlacementApp, Any, Any]) -> ProviderUse:
    return await providers.get(call.app, call.path["uuid"])


async def show(call: Call[PlacementApp, None, None]) -> Answer:
    provider = (await _use(call)).provider
    return dated(_body(provider, call.version), call, provider.updated_at)


def _inventory(inventory: Inventory) -> dict[str, Any]:
    return {
        "total": inventory.total,
        "reserved": inventory.reserved,
        "min_unit": inventory.min_unit,
        "max_unit": inventory.largest_claim,
        "step_size": inventory.step_size,
        "allocation_ratio": inventory.allocation_ratio,
    }


async def inventories(call: Call[PlacementApp, None, None]) -> Answer:
    provider = (await _use(call)).provider
    found = {name: types.InventoryBody(**_inventory(one)) for name, one in sorted(provider.inventories.items())}
    body = types.Inventories(inventories=found, resource_provider_generation=provider.generation)
    return dated(body, call, provider.updated_at)


async def inventory(call: Call[PlacementApp, None, None]) -> Answer:
    provider, name = (await _use(call)).provider, call.path["resource_class"]
    if name not in provider.inventories:
        raise NotFound(f"No inventory of class {name} for {provider.provider_id}")
    found = _inventory(provider.inventories[name])
    body = types.OneInventory(**found, resource_provider_generation=provider.generation)
    return dated(body, call, provider.updated_at)


async def usages(call: Call[PlacementApp, None, None]) -> Answer:
    use = await _use(call)
    sums = {**dict.fromkeys(use.provider.inventories, 0), **use.used}
    return dated(types.Usages(usages=sums, resource_provider_generation=use.provider.generation), call)


async def aggregates(call: Call[PlacementApp, None, None]) -> Answer:
    provider = (await _use(call)).provider
    body = types.Aggregates(aggregates=provider.aggregates, resource_provider_generation=provider.generation)
    return dated(body, call, provider.updated_at)


async def traits(call: Call[PlacementApp, None, None]) -> Answer:
    provider = (await _use(call)).provider
    body = types.ProviderTraits(traits=provider.traits, resource_provider_generation=provider.generation)
    return dated(body, call, provider.updated_at)


async def allocations(call: Call[PlacementApp, None, None]) -> Answer:
    use, on = await providers.with_claims(call.app, call.path["uuid"])
    found: dict[str, types.ConsumerAllocation] = {}
    for claim in on:
        earlier = found.get(claim.owner.consumer)
        resources = dict(earlier.resources) if earlier else {}
        for part in claim.providers:
            if part.provider_id == use.provider.provider_id:
                resources.update({name: resources.get(name, 0) + amount for name, amount in part.amounts.items()})
        found[claim.owner.consumer] = types.ConsumerAllocation(
            resources=resources, consumer_generation=claim.generation
        )
    body = types.ProviderAllocations(allocations=found, resource_provider_generation=use.provider.generation)
    return dated(body, call)
