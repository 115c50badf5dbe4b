"""Which names of resource classes and traits exist: the standard ones of os-resource-classes and os-traits, and others.

A custom name exists because a client made it, or because an agent reported something by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import os_resource_classes
import os_traits
from kilonova_kit.database import Database

from kilonova_placement.deciding.index import Index
from kilonova_placement.model.providers import Provider
from kilonova_placement.store import names as name_store

STANDARD_CLASSES = dict.fromkeys(os_resource_classes.STANDARDS)
_get_traits: Callable[[], list[str]] = os_traits.get_traits
STANDARD_TRAITS = frozenset(_get_traits())


def register(tx: Any, provider: Provider, before: Provider | None, now: float) -> None:
    """Make the names by which a provider has something now, where they are neither standard nor known."""
    had_classes = before.inventories if before else {}
    had_traits = before.traits if before else ()
    classes = {*provider.inventories} - {*had_classes} - STANDARD_CLASSES.keys()
    traits = {*provider.traits} - {*had_traits} - STANDARD_TRAITS
    if classes:
        name_store.make_classes(tx, name_store.lacking_classes(tx, classes, "share"), now)
    if traits:
        name_store.make_traits(tx, name_store.lacking_traits(tx, traits, "share"), now)


async def register_all(database: Database, index: Index, now: float) -> None:
    """Make the names that the index shows and the database lacks: those of a database from before they were kept."""
    classes = set(index.classes) - STANDARD_CLASSES.keys()
    traits = index.traits.in_use(index.rows) - STANDARD_TRAITS

    def save(tx: Any) -> None:
        name_store.make_classes(tx, name_store.lacking_classes(tx, classes), now)
        name_store.make_traits(tx, name_store.lacking_traits(tx, traits), now)

    if classes or traits:
        await database.write(save)


def unknown_classes(tx: Any, names: Iterable[str]) -> list[str]:
    """Those of the names that are no resource classes, in their order."""
    wanted = [name for name in names if name not in STANDARD_CLASSES]
    lacking = name_store.lacking_classes(tx, wanted) if wanted else set()
    return [name for name in wanted if name in lacking]


def unknown_traits(tx: Any, names: Iterable[str]) -> list[str]:
    """Those of the names that are no traits, sorted."""
    wanted = set(names) - STANDARD_TRAITS
    return sorted(name_store.lacking_traits(tx, wanted)) if wanted else []
