"""The URLs of placement, one table: the native API, and the OpenStack Placement API."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation

from kilonova_placement.api.native_routes import NATIVE
from kilonova_placement.api.placement_routes import PLACEMENT

OPERATIONS: tuple[Operation, ...] = (*PLACEMENT, *NATIVE)
