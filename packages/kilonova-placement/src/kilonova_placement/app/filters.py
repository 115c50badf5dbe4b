"""Which providers a list of the Placement API shows: pure, over providers and their sums.

``resources``: this much is left and may be asked in one piece. ``member_of``: in one of each ``any`` group, in none of
``none``. ``required``: one of each ``any`` group of traits, none of ``none``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kilonova_placement.deciding.spreading import allows
from kilonova_placement.model.providers import ProviderUse


class Labels(msgspec.Struct, frozen=True):
    """One of each ``any`` group, and none of ``none``."""

    any: tuple[frozenset[str], ...] = ()
    none: frozenset[str] = frozenset()

    def fit(self, labels: Iterable[str]) -> bool:
        has = frozenset(labels)
        return not has & self.none and all(has & group for group in self.any)


class ProviderFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a listed provider must be; None and empty ask nothing."""

    name: str | None = None
    uuid: str | None = None
    root_id: str | None = None
    resources: Mapping[str, int] = {}
    member_of: Labels = Labels()
    required: Labels = Labels()


def matches(use: ProviderUse, wanted: ProviderFilter) -> bool:
    provider = use.provider
    return (
        wanted.name in (None, provider.name)
        and wanted.uuid in (None, provider.provider_id)
        and wanted.root_id in (None, provider.root_id)
        and wanted.member_of.fit(provider.aggregates)
        and wanted.required.fit(provider.traits)
        and all(_has_left(use, name, amount) for name, amount in wanted.resources.items())
    )


def _has_left(use: ProviderUse, resource_class: str, amount: int) -> bool:
    inventory = use.provider.inventories.get(resource_class)
    if inventory is None or not allows(inventory, amount):
        return False
    return inventory.capacity - use.used.get(resource_class, 0) >= amount
