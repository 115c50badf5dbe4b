"""The placement service, as ``kilonova up`` composes it."""

from __future__ import annotations

from kilonova_kit.http.faults import placement_faults
from kilonova_kit.http.microversions import Microversions
from kilonova_kit.http.operations import Service

from kilonova_placement.api.names import MAXIMUM, MINIMUM
from kilonova_placement.api.routes import OPERATIONS
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.app.settings import PlacementSettings

#: The reads that are served answer as each version from 1.0 to 1.39 does; writes come later and only add operations.
SERVICE = Service(
    name="placement",
    prefix="/placement",
    operations=OPERATIONS,
    faults=placement_faults,
    microversions=Microversions(service_type="placement", minimum=MINIMUM, maximum=MAXIMUM),
)

__all__ = ["SERVICE", "PlacementApp", "PlacementSettings"]
