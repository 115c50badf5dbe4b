"""Names of resource classes and traits: the standard ones, and the custom ones that providers report."""

from __future__ import annotations

from collections.abc import Callable

import os_resource_classes
import os_traits

from kilonova_placement.app.placement import PlacementApp

_STANDARD_CLASSES = tuple(os_resource_classes.STANDARDS)
_get_traits: Callable[[], list[str]] = os_traits.get_traits
_STANDARD_TRAITS = frozenset(_get_traits())


def resource_classes(app: PlacementApp) -> list[str]:
    """The standard classes in their order, then the others."""
    custom = sorted(set(app.ledger.index.classes) - set(_STANDARD_CLASSES))
    return [*_STANDARD_CLASSES, *custom]


def traits(app: PlacementApp) -> list[str]:
    """Every trait there is, standard or reported."""
    return sorted(_STANDARD_TRAITS | associated_traits(app))


def associated_traits(app: PlacementApp) -> frozenset[str]:
    """Traits that some provider has now."""
    return app.ledger.index.traits.in_use(app.ledger.index.rows)
