"""What every function of ``app`` gets: the cells, the engine, the neighbours, the limits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from kilonova_kit.clock import Clock

from kilonova_compute.actions.engine import Engine
from kilonova_compute.agents.requests import HostLink
from kilonova_compute.cells.cells import Cell, Cells
from kilonova_compute.cells.index import IndexCarrier
from kilonova_compute.external.identity import IdentityLimits
from kilonova_compute.external.image import ImageService
from kilonova_compute.external.network import NetworkService
from kilonova_compute.external.placement import PlacementService
from kilonova_compute.model.aggregate_rules import AggregateView
from kilonova_compute.model.flavors_on_demand import OnDemandBounds
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.requested_devices import Aliases

#: For how long an answer waits for the index to know of it.
_INDEXED_SECONDS = 5.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a project may have; -1 means as much as it likes."""

    instances: int = -1
    cores: int = -1
    ram: int = -1
    key_pairs: int = 100
    metadata_items: int = 128
    server_groups: int = 10
    server_group_members: int = 10
    injected_files: int = 5
    injected_file_content_bytes: int = 10240
    injected_file_path_bytes: int = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How hosts are let in: where the bus is, and who signs a host's credentials.

    ``sign_host`` takes a name, the host's public key, and what it may publish and subscribe; it gives a user JWT.
    """

    bus_url: str
    sign_host: Callable[[str, str, Sequence[str], Sequence[str]], str]


@dataclass(slots=True, kw_only=True)
class Compute:
    """The control plane's parts, put together by ``service.py``."""

    cells: Cells
    carriers: Mapping[str, IndexCarrier]
    engine: Engine
    links: HostLink
    placement: PlacementService
    network: NetworkService
    image: ImageService
    clock: Clock
    limits: Limits
    image_ticket: Callable[[str, str], str]
    check_ticket: Callable[[str, str], None]
    admission: Admission
    #: Has ports looked at soon, not only from time to time.
    wire_ports: Callable[[], None] = lambda: None
    #: The longest page of any list.
    page_limit: int = 1000
    flavors_on_demand: OnDemandBounds = field(default_factory=dict)
    device_aliases: Aliases = field(default_factory=dict)
    #: Who keeps the limits of projects, where it is not us.
    identity_limits: IdentityLimits | None = None
    #: Hosts as they were last heard, by id: the live view, kept by the reconciler of hosts.
    hosts: dict[str, Host] = field(default_factory=dict)
    #: Aggregates as they were last seen.
    aggregates: AggregateView = field(default_factory=AggregateView)

    def announce(self, cell: Cell) -> None:
        """Something of this cell changed: carry it to the index."""
        self.carriers[cell.name].wake()

    def unreachable_cells(self) -> frozenset[str]:
        """The cells whose databases did not answer when they were last asked, or are not open yet."""
        dark = (name for name, carrier in self.carriers.items() if not carrier.reachable)
        return frozenset(dark) | {cell.name for cell in self.cells.all() if not cell.database.is_open}

    async def announced(self, cell: Cell) -> None:
        """Wait until the index has what was committed, so that whoever asked sees it in lists.

        Not for ever: it is committed, and a cell that has just gone away is carried when it is back.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_INDEXED_SECONDS):
                await self.carriers[cell.name].flush()
