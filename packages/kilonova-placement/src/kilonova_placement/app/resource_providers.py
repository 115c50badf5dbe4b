"""Providers as clients of the Placement API make and change them: an operator's word, kept above what agents report.

Each change is one transaction that locks the provider, checks, and raises its generation. What the real service does
without raising a generation (a new name, another parent, aggregates before 1.19) is ``unseen`` to the API.
Messages and codes are those of openstack-placement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, NotFound
from kilonova_kit.ids import new_uuid

from kilonova_placement.app.naming import STANDARD_CLASSES, register, unknown_classes, unknown_traits
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.app.providers import make
from kilonova_placement.model.layers import moved, with_inventories, with_traits
from kilonova_placement.model.providers import NOT_REPORTED, Inventory, Provider
from kilonova_placement.store import providers as provider_store
from kilonova_placement.store.ledger import raise_generations
from kilonova_placement.store.providers import Mark

CONCURRENT_UPDATE = "placement.concurrent_update"
IN_USE = "placement.inventory.inuse"
DUPLICATE_NAME = "placement.duplicate_name"
_REPARENTED = "re-parenting a provider is not currently allowed."
_UNPARENTED = "un-parenting a provider is not currently allowed."
_LOOP = "creating loop in the provider tree is not allowed."
_NO_PARENT = "parent provider UUID does not exist."

_STANDARD_ORDER = {name: number for number, name in enumerate(STANDARD_CLASSES)}
Alteration = Callable[[Any, Provider], Provider]


def not_found(provider_id: str) -> NotFound:
    return NotFound(f"No resource provider with uuid {provider_id} found")


async def alter(app: PlacementApp, provider_id: str, alteration: Alteration, *, unseen: bool = False) -> Provider:
    """Change a provider; the same object again is not written. Raises NotFound and what the change raises."""

    def save(tx: Any, mark: Mark) -> Provider:
        provider_store.lock_generations(tx, [provider_id])
        before = provider_store.find_provider(tx, provider_id)
        if before is None:
            raise not_found(provider_id)
        after = alteration(tx, before)
        return before if after is before else write(tx, before, after, mark, unseen=unseen)

    return await app.ledger.change(save, [provider_id])


def write(tx: Any, before: Provider, after: Provider, mark: Mark, *, unseen: bool = False) -> Provider:
    """Write a locked provider with its next generation."""
    after = msgspec.structs.replace(
        after, generation=before.generation + 1, unseen=before.unseen + unseen, updated_at=mark.now
    )
    register(tx, after, before, mark.now)
    provider_store.save_provider(tx, after, mark)
    return after


def check_generation(provider: Provider, given: int | None, message: str) -> None:
    """Raise Conflict when the client knows another generation."""
    if given is not None and given != provider.api_generation:
        raise Conflict(message, kind=CONCURRENT_UPDATE)


# --- providers


async def create(app: PlacementApp, name: str, provider_id: str | None, parent_id: str | None) -> Provider:
    """Make a provider. Raises BadRequest (its parent), Conflict (its name or uuid is taken)."""
    new = Provider(provider_id=provider_id or new_uuid(), name=name, generation=1, root_id="", disabled=NOT_REPORTED)
    failed = f'Unable to create resource provider "{name}", {new.provider_id}: Object action create failed because: '

    def save(tx: Any, mark: Mark) -> Provider:
        if parent_id == new.provider_id:
            raise BadRequest(
                f"{failed}parent provider UUID cannot be same as UUID. Please set parent provider UUID to None if "
                "there is no parent."
            )
        if parent_id:
            provider_store.lock_trees(tx, [parent_id])
        parent = provider_store.find_provider(tx, parent_id) if parent_id else None
        if parent_id and parent is None:
            raise BadRequest(failed + _NO_PARENT)
        _refuse_taken(tx, new)
        root_id = parent.root_id if parent else new.provider_id
        placed = moved(new, parent_id, root_id) if parent_id else msgspec.structs.replace(new, root_id=root_id)
        made = msgspec.structs.replace(placed, created_at=mark.now, updated_at=mark.now)
        return provider_store.make_provider(tx, made, mark)

    return await make(app, save, new.provider_id)


def _refuse_taken(tx: Any, new: Provider) -> None:
    taken = []
    if provider_store.find_provider(tx, new.provider_id):
        taken.append(f"uuid: {new.provider_id}")
    if provider_store.find_named(tx, new.name):
        taken.append(f"name: {new.name}")
    if taken:
        raise Conflict(f"Conflicting resource provider {', '.join(taken)} already exists.", kind=DUPLICATE_NAME)


class NewPlace(msgspec.Struct, frozen=True):
    """Where a provider is to hang: below this parent, or nowhere."""

    parent_id: str | None


async def update(app: PlacementApp, provider_id: str, name: str, place: NewPlace | None, *, may_move: bool) -> Provider:
    """Rename a provider, and move it with all that is below it. Raises NotFound, BadRequest, Conflict."""
    touched = {provider_id}

    def save(tx: Any, mark: Mark) -> Provider:
        parent_id = place.parent_id if place else None
        provider_store.lock_trees(tx, [provider_id, *([parent_id] if parent_id else [])])
        before = provider_store.find_provider(tx, provider_id)
        if before is None:
            raise not_found(provider_id)
        if (other := provider_store.find_named(tx, name)) and other.provider_id != provider_id:
            raise Conflict(f"Conflicting resource provider {name} already exists.", kind=DUPLICATE_NAME)
        after = msgspec.structs.replace(before, name=name)
        if place is not None and place.parent_id != before.parent_id:
            after = _move(tx, after, place.parent_id, mark, may_move=may_move, touched=touched)
        return before if after == before else write(tx, before, after, mark, unseen=True)

    return await app.ledger.change(save, touched)


def _move(
    tx: Any, provider: Provider, parent_id: str | None, mark: Mark, *, may_move: bool, touched: set[str]
) -> Provider:
    failed = f"Unable to save resource provider {provider.provider_id}: Object action update failed because: "
    parent = provider_store.find_provider(tx, parent_id) if parent_id else None
    if parent_id and parent is None:
        raise BadRequest(failed.replace("action update", "action create") + _NO_PARENT)
    if provider.parent_id and not may_move:
        raise BadRequest(failed + (_REPARENTED if parent_id else _UNPARENTED))
    below = provider_store.descendants_of(tx, provider)
    if parent_id in {provider.provider_id, *below}:
        raise BadRequest(failed + _LOOP)
    root_id = parent.root_id if parent else provider.provider_id
    touched |= {provider.root_id, root_id, *below}
    provider_store.move_to_tree(tx, below, root_id)
    locked = provider_store.lock_generations(tx, below)
    changed = {key: (generation, generation + 1) for key, generation in locked.items()}
    raise_generations(tx, changed, mark, unseen=changed)
    return moved(provider, parent_id, root_id)


async def delete(app: PlacementApp, provider_id: str) -> None:
    """Raises NotFound; Conflict while it has allocations or children."""

    def remove(tx: Any, mark: Mark) -> None:
        if not provider_store.lock_generations(tx, [provider_id]):
            raise NotFound(f"No resource provider with uuid {provider_id} found for delete")
        if provider_store.children_of(tx, provider_id):
            raise Conflict(
                f"Unable to delete parent resource provider {provider_id}: It has child resource providers.",
                kind="placement.resource_provider.cannot_delete_parent",
            )
        if provider_store.used_of(tx, provider_id):
            raise Conflict(
                f"Unable to delete resource provider {provider_id}: Resource provider has allocations.",
                kind="placement.resource_provider.inuse",
            )
        provider_store.delete_provider(tx, provider_id, mark)

    await app.ledger.change(remove, [provider_id])


# --- inventories


async def set_inventories(
    app: PlacementApp,
    provider_id: str,
    inventories: Mapping[str, Inventory],
    generation: int | None,
    check: Callable[[Provider], None],
) -> Provider:
    """Replace all. ``check`` looks at the new capacities once the generation is right. Raises as ``alter``."""

    def change(tx: Any, provider: Provider) -> Provider:
        check_generation(provider, generation, "resource provider generation conflict")
        check(provider)
        return replaced_inventories(tx, provider, inventories)

    return await alter(app, provider_id, change)


def replaced_inventories(tx: Any, provider: Provider, inventories: Mapping[str, Inventory]) -> Provider:
    """Raises BadRequest (unknown class), Conflict (a class that goes is in use)."""
    if unknown := unknown_classes(tx, inventories):
        raise BadRequest(
            f"Unknown resource class in inventory for resource provider {provider.provider_id}: "
            f"No such resource class {unknown[0]}."
        )
    refuse_in_use(tx, provider, [name for name in provider.inventories if name not in inventories], "update conflict: ")
    return with_inventories(provider, inventories)


def refuse_in_use(tx: Any, provider: Provider, going: Iterable[str], words: str, kind: str = IN_USE) -> None:
    """Raise Conflict when one of these classes has allocations."""
    used = provider_store.used_of(tx, provider.provider_id)
    if in_use := sorted((name for name in going if name in used), key=_class_order):
        raise Conflict(
            f"{words}Inventory for '{', '.join(in_use)}' on resource provider '{provider.provider_id}' in use.",
            kind=kind,
        )


def _class_order(name: str) -> tuple[int, str]:
    """The standard classes in their order, then the others."""
    return (_STANDARD_ORDER.get(name, len(_STANDARD_ORDER)), name)


async def delete_inventories(app: PlacementApp, provider_id: str) -> None:
    """Raises Conflict while one of them is in use."""

    def change(tx: Any, provider: Provider) -> Provider:
        refuse_in_use(tx, provider, provider.inventories, "")
        return with_inventories(provider, {})

    await alter(app, provider_id, change)


async def add_inventory(
    app: PlacementApp, provider_id: str, name: str, inventory: Inventory, check: Callable[[Provider], None]
) -> Provider:
    """Raises BadRequest (unknown class), Conflict (it has one)."""

    def change(tx: Any, provider: Provider) -> Provider:
        check(provider)
        if unknown_classes(tx, [name]):
            raise BadRequest(
                f"Unable to create inventory for resource provider {provider_id}: No such resource class {name}."
            )
        if name in provider.inventories:
            raise Conflict(
                f"Update conflict: an inventory of {name} exists already on resource provider {provider_id}",
                kind=CONCURRENT_UPDATE,
            )
        return with_inventories(provider, {**provider.inventories, name: inventory})

    return await alter(app, provider_id, change)


async def update_inventory(
    app: PlacementApp,
    provider_id: str,
    name: str,
    inventory: Inventory,
    generation: int,
    check: Callable[[Provider], None],
) -> Provider:
    """Raises BadRequest (there is none of this class), Conflict."""

    def change(tx: Any, provider: Provider) -> Provider:
        check_generation(provider, generation, "resource provider generation conflict")
        check(provider)
        if unknown_classes(tx, [name]):
            raise NotFound(f"No such resource class {name}.")
        if name not in provider.inventories:
            raise BadRequest(
                f"No inventory record with resource class for resource provider {provider_id}: "
                f"No inventory of class {name} found."
            )
        return with_inventories(provider, {**provider.inventories, name: inventory})

    return await alter(app, provider_id, change)


async def delete_inventory(app: PlacementApp, provider_id: str, name: str) -> None:
    """Raises NotFound, Conflict while it is in use."""

    def change(tx: Any, provider: Provider) -> Provider:
        failed = f"No inventory of class {name} found for delete: "
        if unknown_classes(tx, [name]):
            raise NotFound(f"{failed}No such resource class {name}.")
        words = f"Unable to delete inventory of class {name}: "
        refuse_in_use(tx, provider, [name], words, CONCURRENT_UPDATE)
        if name not in provider.inventories:
            raise NotFound(f"{failed}No inventory of class {name} found for delete")
        return with_inventories(provider, {key: one for key, one in provider.inventories.items() if key != name})

    await alter(app, provider_id, change)


# --- traits and aggregates


async def set_traits(app: PlacementApp, provider_id: str, names: Iterable[str], generation: int | None) -> Provider:
    """Replace all; the same ones again raise no generation. Raises BadRequest (no such trait), Conflict."""
    wanted = tuple(sorted(set(names)))

    def change(tx: Any, provider: Provider) -> Provider:
        check_generation(
            provider,
            generation,
            "Resource provider's generation already changed. Please update the generation and try again.",
        )
        if unknown := unknown_traits(tx, wanted):
            raise BadRequest(f"No such trait {', '.join(unknown)}")
        return provider if wanted == provider.traits else with_traits(provider, wanted)

    return await alter(app, provider_id, change)


async def set_aggregates(app: PlacementApp, provider_id: str, names: Iterable[str], generation: int | None) -> Provider:
    """Replace all. Without a generation (before 1.19) the client sees none change."""
    wanted = tuple(sorted(set(names)))

    def change(tx: Any, provider: Provider) -> Provider:
        check_generation(
            provider,
            generation,
            "Resource provider's generation already changed. Please update the generation and try again.",
        )
        return msgspec.structs.replace(provider, aggregates=wanted)

    return await alter(app, provider_id, change, unseen=generation is None)
