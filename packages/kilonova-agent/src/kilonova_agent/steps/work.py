"""What a step works with: the host's parts, and the piece of work in hand."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kilonova_driver.driver import Driver
from kilonova_driver.types.inventory import Capabilities
from kilonova_driver.types.orders import Order

from kilonova_agent.config_drives import ConfigDrives
from kilonova_agent.images import ImageCache
from kilonova_agent.records import Records
from kilonova_agent.resources.resources import Resources

if TYPE_CHECKING:  # the host network's libraries are large, and simulated hosts need none of them
    from kilonova_agent.network.host_network import GuestNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The parts of one agent that steps use."""

    driver: Driver
    capabilities: Capabilities
    network: GuestNetwork
    images: ImageCache
    drives: ConfigDrives
    records: Records
    resources: Resources


@dataclass(slots=True)
class Work:
    """One operation on one guest. ``waits`` says what holds it up, for the words of a late end."""

    guest_id: str
    order: Order
    waits: str = ""
    phases: dict[str, str] = field(default_factory=dict)

    def tell(self, words: str) -> None:
        self.waits = words

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the work: ``<name>_seconds`` in the report's details."""
        self.waits = name.replace("_", " ")
        began = time.perf_counter()
        yield
        self.phases[f"{name}_seconds"] = f"{time.perf_counter() - began:.3f}"
        self.waits = ""
