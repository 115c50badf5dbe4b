"""The network service as the process composes it: its table, and the application behind it."""

from __future__ import annotations

from kilonova_kit.http.faults import network_faults
from kilonova_kit.http.operations import Service

from kilonova_neighbours.network.api.routes import OPERATIONS
from kilonova_neighbours.network.app.service import NetworkApp
from kilonova_neighbours.network.settings import BootstrapNetwork, NetworkSettings

__all__ = ["SERVICE", "BootstrapNetwork", "NetworkApp", "NetworkSettings"]

SERVICE = Service(
    name="network",
    prefix="/network",
    base_path="/v2.0",
    operations=OPERATIONS,
    faults=network_faults,
)
