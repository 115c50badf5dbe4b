"""The placement service, as ``kilonova up`` composes it."""

from __future__ import annotations

from kilonova_kit.http.faults import placement_faults
from kilonova_kit.http.operations import Service

from kilonova_placement.api.root import VERSIONS, faults
from kilonova_placement.api.routes import OPERATIONS
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.app.settings import PlacementSettings

SERVICE = Service(
    name="placement",
    prefix="/placement",
    operations=OPERATIONS,
    faults=placement_faults,
    versioned_faults=faults,
    microversions=VERSIONS,
    refuses_options=True,
    types_empty_answers=False,
)

__all__ = ["SERVICE", "PlacementApp", "PlacementSettings"]
