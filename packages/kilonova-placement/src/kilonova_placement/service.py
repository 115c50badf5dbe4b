"""The placement service, as ``kilonova up`` composes it."""

from __future__ import annotations

from kilonova_kit.http.faults import placement_faults
from kilonova_kit.http.microversions import Microversions
from kilonova_kit.http.operations import Service

from kilonova_placement.api.routes import OPERATIONS
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.app.settings import PlacementSettings

#: Advertised as far as implemented: the reads below 1.0 .. 1.39 differ only where ``api/types`` marks it.
SERVICE = Service(
    name="placement",
    prefix="/placement",
    operations=OPERATIONS,
    faults=placement_faults,
    microversions=Microversions(service_type="placement", minimum=(1, 0), maximum=(1, 39)),
)

__all__ = ["SERVICE", "PlacementApp", "PlacementSettings"]
