"""Reshape: inventories and allocations moved between providers in one transaction (Placement API 1.30).

Inventories first become the union of what was and what is to be, so that no allocation is without one; then the
allocations are replaced and checked; then what is to go goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kilonova_kit.errors import BadRequest, Conflict

from kilonova_placement.app.allocations import Wanted, lock_consumers, replace_in
from kilonova_placement.app.naming import unknown_classes
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.app.resource_providers import CONCURRENT_UPDATE, refuse_in_use, write
from kilonova_placement.model.layers import with_inventories
from kilonova_placement.model.providers import Inventory, Provider
from kilonova_placement.store import providers as provider_store
from kilonova_placement.store.providers import Mark

Inventories = Mapping[str, tuple[int, Mapping[str, Inventory]]]


async def reshape(app: PlacementApp, inventories: Inventories, allocations: Sequence[Wanted]) -> None:
    """``inventories``: by provider, the generation the client knows and all it is to have.

    Raises BadRequest, Conflict.
    """
    touched, groups = set(inventories), set[str]()

    def save(tx: Any, mark: Mark) -> None:
        groups.update(lock_consumers(tx, [one.consumer_id for one in allocations], mark))
        provider_store.lock_generations(tx, {*inventories, *(key for one in allocations for key in one.amounts)})
        for key, (generation, wanted) in inventories.items():
            provider = _checked(tx, key, generation, wanted)
            if wanted:
                both = {**provider.inventories, **wanted}
                write(tx, provider, with_inventories(provider, both), mark)
        replace_in(tx, allocations, mark, touched, _malformed)
        for key, (_, wanted) in inventories.items():
            provider = provider_store.find_many(tx, [key])[key]
            going = [name for name in provider.inventories if name not in wanted]
            refuse_in_use(tx, provider, going, "update conflict: ")
            write(tx, provider, with_inventories(provider, wanted), mark)

    await app.ledger.change(save, touched, groups)


def _malformed(message: str) -> str:
    return f"malformed reshaper data: {message}"


def _checked(tx: Any, provider_id: str, generation: int, wanted: Mapping[str, Inventory]) -> Provider:
    provider = provider_store.find_provider(tx, provider_id)
    if provider is None:
        raise BadRequest(
            f"Resource provider {provider_id} in inventories not found: "
            f"No resource provider with uuid {provider_id} found",
            kind="placement.resource_provider.not_found",
        )
    if generation != provider.api_generation:
        raise Conflict(
            f"resource provider generation conflict for provider {provider_id}: "
            f"actual: {provider.api_generation}, given: {generation}",
            kind=CONCURRENT_UPDATE,
        )
    if unknown := unknown_classes(tx, wanted):
        raise BadRequest(_malformed(f"No such resource class {unknown[0]}."))
    return provider
