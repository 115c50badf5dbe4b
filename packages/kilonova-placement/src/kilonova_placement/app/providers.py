"""Providers: reported by agents, changed by operators. What says nothing new is answered without a write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, NotFound

from kilonova_placement.app.filters import ProviderFilter, matches
from kilonova_placement.app.naming import register
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.model.providers import (
    Provider,
    ProviderChange,
    ProviderReport,
    ProviderUse,
)
from kilonova_placement.model.reports import changed, described
from kilonova_placement.store import providers as provider_store
from kilonova_placement.store.providers import Mark


async def put(app: PlacementApp, provider_id: str, report: ProviderReport) -> Provider:
    """Write down what a report says. Raises BadRequest, Conflict (name taken, generation, moved tree)."""

    def describe(known: Provider | None, now: float) -> Provider:
        if report.generation is not None and report.generation != (known.generation if known else 0):
            raise Conflict(f"Provider {provider_id} has another generation.", kind="placement.concurrent_update")
        return described(report, provider_id, known, now)

    return await _save(app, provider_id, describe)


async def change(app: PlacementApp, provider_id: str, asked: ProviderChange) -> Provider:
    """Change what the body names. Raises NotFound."""

    def describe(known: Provider | None, now: float) -> Provider:
        if known is None:
            raise NotFound(f"No resource provider with uuid {provider_id} found.")
        return changed(known, asked, now)

    return await _save(app, provider_id, describe)


async def _save(
    app: PlacementApp, provider_id: str, describe: Callable[[Provider | None, float], Provider]
) -> Provider:
    known = await app.database.read(lambda tx: provider_store.find_provider(tx, provider_id))
    if known is not None and describe(known, app.clock()) == known:
        return known

    def save(tx: Any, mark: Mark) -> Provider:
        provider_store.lock_generations(tx, [provider_id])
        before = provider_store.find_provider(tx, provider_id)
        after = _rooted(tx, describe(before, mark.now), before)
        if after == before:
            return after
        after = msgspec.structs.replace(after, generation=after.generation + 1, updated_at=mark.now)
        register(tx, after, before, mark.now)
        if before is None:
            return provider_store.make_provider(tx, after, mark)
        provider_store.save_provider(tx, after, mark)
        return after

    return await make(app, save, provider_id)


async def make(app: PlacementApp, save: Callable[[Any, Mark], Provider], provider_id: str) -> Provider:
    """Run what may make a provider; once more where another process was quicker, which is seen then."""
    try:
        return await app.ledger.change(save, [provider_id])
    except provider_store.MadeMeanwhile:
        return await app.ledger.change(save, [provider_id])


def _rooted(tx: Any, provider: Provider, before: Provider | None) -> Provider:
    """The provider with the root of its parent; its name must be its own, and its place in a tree is for good."""
    if before is not None and before.parent_id != provider.parent_id:
        raise Conflict("A provider cannot move to another parent.")
    if before is None or before.name != provider.name:
        other = provider_store.find_named(tx, provider.name)
        if other is not None and other.provider_id != provider.provider_id:
            raise Conflict(
                f"Conflicting resource provider name: {provider.name} already exists.", kind="placement.duplicate_name"
            )
    if provider.parent_id is None:
        return provider
    if before is None:
        provider_store.lock_trees(tx, [provider.parent_id])
    parent = provider_store.find_provider(tx, provider.parent_id)
    if parent is None:
        raise BadRequest(f"parent_id: no provider with uuid {provider.parent_id}")
    return msgspec.structs.replace(provider, root_id=parent.root_id)


async def delete(app: PlacementApp, provider_id: str) -> None:
    """Remove a provider; one that is gone is gone. Raises Conflict while it has claims or children."""

    def remove(tx: Any, mark: Mark) -> None:
        if not provider_store.lock_generations(tx, [provider_id]):
            return
        if provider_store.used_of(tx, provider_id):
            raise Conflict(
                f"Unable to delete resource provider {provider_id}: there are claims on it.",
                kind="placement.resource_provider.in_use",
            )
        if provider_store.children_of(tx, provider_id):
            raise Conflict(
                f"Unable to delete resource provider {provider_id}: it has children.",
                kind="placement.resource_provider.cannot_delete_parent",
            )
        provider_store.delete_provider(tx, provider_id, mark)

    await app.ledger.change(remove, [provider_id])


async def get(app: PlacementApp, provider_id: str) -> ProviderUse:
    """A provider with what is used of it. Raises NotFound."""

    def look(tx: Any) -> ProviderUse | None:
        provider = provider_store.find_provider(tx, provider_id)
        if provider is None:
            return None
        return ProviderUse(provider=provider, used=provider_store.used_of(tx, provider_id))

    found = await app.database.read(look)
    if found is None:
        raise NotFound(f"No resource provider with uuid {provider_id} found.")
    return found


async def listed(app: PlacementApp) -> list[ProviderUse]:
    """Every provider, by name."""
    uses = await app.database.read(provider_store.load_all)
    return sorted(uses, key=lambda use: use.provider.name)


async def tree_of(app: PlacementApp, provider_id: str) -> list[ProviderUse]:
    """The providers of one tree, by name; none for one that does not exist."""
    uses = await app.database.read(lambda tx: provider_store.load_trees(tx, [provider_id]))
    return sorted(uses, key=lambda use: use.provider.name)


async def filtered(app: PlacementApp, wanted: ProviderFilter) -> list[ProviderUse]:
    """The providers that match, by name; of those that cannot none is read."""
    uses = await app.database.read(lambda tx: provider_store.load_where(tx, wanted.name, wanted.uuid, wanted.root_id))
    return sorted((use for use in uses if matches(use, wanted)), key=lambda use: use.provider.name)


async def root_of(app: PlacementApp, provider_id: str | None) -> str | None:
    """The root of a provider's tree; for one that does not exist its own id, which matches nothing."""
    if provider_id is None:
        return None
    found = await app.database.read(lambda tx: provider_store.find_provider(tx, provider_id))
    return found.root_id if found else provider_id
