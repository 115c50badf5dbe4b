"""The Placement API's view of claims: what a consumer has."""

from __future__ import annotations

from kilonova_kit.http.operations import Answer, Call

from kilonova_placement.api.resource_providers import dated
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import claims
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.model.claims import Claim

#: What the compute service calls its consumers (since 1.38).
_CONSUMER_TYPES = {"server": "INSTANCE"}


async def show(call: Call[PlacementApp, None, None]) -> Answer:
    found = await claims.of_consumer(call.app, call.path["consumer_uuid"])
    if not found:
        return dated(types.Allocations(allocations={}), call)
    owner = found[0].owner
    kind = owner.name.partition(":")[0]
    body = types.Allocations(
        allocations=_by_provider(found, call.app),
        project_id=owner.project_id,
        user_id=owner.user_id,
        consumer_generation=max(claim.generation for claim in found),
        consumer_type=_CONSUMER_TYPES.get(kind, kind.upper()),
    )
    return dated(body, call)


def _by_provider(found: list[Claim], app: PlacementApp) -> dict[str, types.Allocation]:
    """A consumer with two claims (it moves) has the sum of both."""
    sums: dict[str, dict[str, int]] = {}
    for claim in found:
        for part in claim.providers:
            of = sums.setdefault(part.provider_id, {})
            of.update({name: of.get(name, 0) + amount for name, amount in part.amounts.items()})
    return {
        key: types.Allocation(generation=app.ledger.index.generation_of(key), resources=resources)
        for key, resources in sums.items()
    }
