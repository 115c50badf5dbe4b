"""Resource classes and traits: listed, made, deleted. One that a provider has is never deleted.

Classes keep the order in which they were made, as the Placement API lists them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kilonova_kit.errors import BadRequest, Conflict, NotFound

from kilonova_placement.app.naming import STANDARD_CLASSES, STANDARD_TRAITS, unknown_classes, unknown_traits
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.store import names as name_store
from kilonova_placement.store import providers as provider_store


async def check_names(app: PlacementApp, classes: Iterable[str], traits: Iterable[str]) -> tuple[list[str], list[str]]:
    """The unknown classes and the unknown traits; the database is asked only about names that are not standard."""
    classes = [name for name in classes if name not in STANDARD_CLASSES]
    traits = set(traits) - STANDARD_TRAITS
    if not classes and not traits:
        return [], []
    return await app.database.read(lambda tx: (unknown_classes(tx, classes), unknown_traits(tx, traits)))


# --- resource classes


async def resource_classes(app: PlacementApp) -> dict[str, float | None]:
    """Every class in its order; a custom one with the time it was made."""
    return {**STANDARD_CLASSES, **await app.database.read(name_store.classes)}


async def find_class(app: PlacementApp, name: str) -> float | None:
    """When the class was made, None for a standard one. Raises NotFound."""
    found = await resource_classes(app)
    if name not in found:
        raise NotFound(f"No such resource class {name}.")
    return found[name]


async def make_class(app: PlacementApp, name: str) -> bool:
    """Make a class; say whether it is new."""

    def save(tx: Any) -> bool:
        lacking = name_store.lacking_classes(tx, [name])
        name_store.make_classes(tx, lacking, app.clock())
        return bool(lacking)

    return await app.database.write(save)


def exists_already(name: str) -> Conflict:
    return Conflict(f"Conflicting resource class already exists: {name}")


async def rename_class(app: PlacementApp, name: str, other: str) -> None:
    """Raises NotFound, BadRequest (standard), Conflict (taken, or a provider has it)."""
    if name in STANDARD_CLASSES:
        raise BadRequest(f"Cannot update standard resource class {name}")

    def save(tx: Any) -> None:
        if name_store.lacking_classes(tx, [name], "own"):
            raise NotFound(f"No such resource class {name}.")
        if other != name and not name_store.lacking_classes(tx, [other]):
            raise Conflict(f"Resource class already exists: {other}")
        if other != name and provider_store.somebody_has_class(tx, name):
            raise Conflict(f"Cannot update resource class {name}. Class is in use in inventory.")
        name_store.rename_class(tx, name, other)

    await app.database.write(save)


async def delete_class(app: PlacementApp, name: str) -> None:
    """Raises NotFound, BadRequest (standard), Conflict (a provider has it)."""
    if name in STANDARD_CLASSES:
        raise BadRequest(f"Error in delete resource class: Cannot delete standard resource class {name}.")

    def save(tx: Any) -> None:
        if name_store.lacking_classes(tx, [name], "own"):
            raise NotFound(f"No such resource class {name}.")
        if provider_store.somebody_has_class(tx, name):
            raise Conflict(
                f"Error in delete resource class: Cannot delete resource class {name}. Class is in use in inventory."
            )
        name_store.delete_class(tx, name)

    await app.database.write(save)


# --- traits


async def traits(app: PlacementApp) -> dict[str, float | None]:
    """Every trait by name; a custom one with the time it was made."""
    every = {**dict.fromkeys(STANDARD_TRAITS), **await app.database.read(name_store.traits)}
    return dict(sorted(every.items()))


def associated_traits(app: PlacementApp) -> frozenset[str]:
    """Traits that some provider has now."""
    return app.ledger.index.traits.in_use(app.ledger.index.rows)


async def find_trait(app: PlacementApp, name: str) -> float | None:
    """When the trait was made, None for a standard one. Raises NotFound."""
    found = await traits(app)
    if name not in found:
        raise NotFound(f"No such trait(s): {name}.")
    return found[name]


async def make_trait(app: PlacementApp, name: str) -> bool:
    """Make a trait; say whether it is new."""

    def save(tx: Any) -> bool:
        lacking = name_store.lacking_traits(tx, [name])
        name_store.make_traits(tx, lacking, app.clock())
        return bool(lacking)

    return await app.database.write(save)


async def delete_trait(app: PlacementApp, name: str) -> None:
    """Raises NotFound, BadRequest (standard), Conflict (a provider has it)."""
    if name in STANDARD_TRAITS:
        raise BadRequest(f"Cannot delete standard trait {name}.")

    def save(tx: Any) -> None:
        if name_store.lacking_traits(tx, [name], "own"):
            raise NotFound(f"No such trait(s): {name}.")
        if provider_store.somebody_has_trait(tx, name):
            raise Conflict(f"The trait {name} is in use by a resource provider.")
        name_store.delete_trait(tx, name)

    await app.database.write(save)
