"""The control plane put together: what ``kilonova up`` starts.

app = ComputeApp(settings, bus=..., identity=..., image=..., network=..., placement=...)
await app.start()      # opens the databases, listens to hosts, runs the reconcilers
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec
from kilonova_kit.bus import Bus
from kilonova_kit.clock import Clock, system_clock
from kilonova_kit.errors import KilonovaError
from kilonova_kit.http.client import ServiceClient
from kilonova_placement.client import PlacementClient

from kilonova_compute.actions.all_actions import ACTIONS
from kilonova_compute.actions.engine import Engine
from kilonova_compute.actions.steps import Services
from kilonova_compute.agents.hearing import Hearing
from kilonova_compute.agents.reports import Reports
from kilonova_compute.agents.requests import HostLink
from kilonova_compute.app.aggregates import refresh as refresh_aggregates
from kilonova_compute.app.compute import Admission, Compute, Limits
from kilonova_compute.app.flavors import bootstrap_flavors
from kilonova_compute.app.host_images import ImageTickets
from kilonova_compute.cells.cells import CELL0, Cell, Cells
from kilonova_compute.cells.index import IndexCarrier
from kilonova_compute.external.identity import IdentityLimits
from kilonova_compute.external.image import ImageService
from kilonova_compute.external.network import NetworkService
from kilonova_compute.external.placement import PlacementService
from kilonova_compute.model.aggregates import USUAL_ZONE
from kilonova_compute.model.flavors_on_demand import OnDemand
from kilonova_compute.model.requested_devices import DeviceAlias
from kilonova_compute.reconcilers.advance_actions import advance_actions
from kilonova_compute.reconcilers.host_places import place_hosts
from kilonova_compute.reconcilers.host_reports import HostReports
from kilonova_compute.reconcilers.loops import Loops, Reconciler
from kilonova_compute.reconcilers.lost_hosts import LostHosts
from kilonova_compute.reconcilers.old_servers import forget_old_servers
from kilonova_compute.reconcilers.port_wirings import PortWirings
from kilonova_compute.reconcilers.precached_images import precache_images
from kilonova_compute.reconcilers.stray_claims import StrayClaims
from kilonova_compute.store import actions as action_store

#: How soon a cell that has appeared, or come back, since the start is taken in.
_CELLS_SECONDS = 5.0


class ComputeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``cells`` is name to database URL; cell0 must be among them. ``controller_id`` outlives a restart.

    ``ticket_secret`` signs the image tickets of hosts; every controller of a cloud has the same.
    """

    global_url: str
    cells: Mapping[str, str]
    controller_id: str
    ticket_secret: bytes
    limits: Limits = Limits()
    page_limit: int = 1000
    flavors_on_demand: Mapping[str, OnDemand] = {}
    device_aliases: Mapping[str, DeviceAlias] = {}

    def __repr__(self) -> str:
        return f"ComputeSettings(controller_id={self.controller_id!r}, cells={sorted(self.cells)})"


class ComputeApp:
    """Owns every part and its life. ``compute`` is what the API's handlers get.

    ``limits`` is the identity service, where that keeps the limits of projects.
    """

    def __init__(
        self,
        settings: ComputeSettings,
        *,
        bus: Bus,
        admission: Admission,
        image: ServiceClient,
        network: ServiceClient,
        placement: ServiceClient,
        limits: ServiceClient | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._settings, self._bus, self._clock = settings, bus, clock
        self._admission = admission
        self._image, self._network = ImageService(image, clock), NetworkService(network, clock)
        self._placement = PlacementService(PlacementClient(placement))
        self._limits = None if limits is None else IdentityLimits(limits)
        self._loops = Loops()
        self._wirings: Reconciler | None = None
        self._carriers: dict[str, IndexCarrier] = {}
        self.compute: Compute
        self._reports: Reports
        self._hearing: Hearing

    async def start(self) -> None:
        cells = Cells(self._settings.global_url)
        await cells.start(self._settings.cells)
        self.compute = self._compose(cells)
        self._reports, self._hearing = Reports(self._bus, HostReports(self.compute)), Hearing(self._bus, self._clock)
        await bootstrap_flavors(self.compute)
        await refresh_aggregates(self.compute)
        for cell in cells.all():
            await self._take_in(cell)
        self._start_reconcilers()

    async def _take_in(self, cell: Cell) -> None:
        """Carry the cell's changes, hear its hosts, and go on with our own actions there at once."""
        if cell.name not in self._carriers:
            self._carriers[cell.name] = IndexCarrier(cell, self.compute.cells.database)
            self._carriers[cell.name].start()
            if cell.name != CELL0:
                await self._reports.start((cell.name,))
        if cell.database.is_open:
            holder = self._settings.controller_id
            await cell.database.write(lambda tx: action_store.let_go(tx, holder))

    async def _take_in_more(self) -> None:
        """A reconciler: cells that have appeared, or come back, since the start."""
        for cell in await self.compute.cells.refresh():
            await self._take_in(cell)

    def _compose(self, cells: Cells) -> Compute:
        tickets, links = ImageTickets(self._settings.ticket_secret, self._clock), HostLink(self._bus)
        services = Services(
            placement=self._placement,
            network=self._network,
            image=self._image,
            image_ticket=tickets.sign,
            clock=self._clock,
            zone_of=self._zone_of,
        )
        engine = Engine(
            ACTIONS, cells, links, services, announce=self._announce, host_is_up=self._host_is_up,
            holder=self._settings.controller_id,
        )  # fmt: skip
        return Compute(
            cells=cells,
            carriers=self._carriers,
            engine=engine,
            links=links,
            placement=self._placement,
            network=self._network,
            image=self._image,
            clock=self._clock,
            limits=self._settings.limits,
            identity_limits=self._limits,
            image_ticket=tickets.sign,
            check_ticket=tickets.check,
            admission=self._admission,
            wire_ports=self._wire_ports,
            page_limit=self._settings.page_limit,
            flavors_on_demand=self._settings.flavors_on_demand,
            device_aliases=self._settings.device_aliases,
        )

    def _announce(self, cell: Cell) -> None:
        self._carriers[cell.name].wake()

    def _host_is_up(self, cell: Cell, host_id: str) -> bool:
        host = self.compute.hosts.get(host_id)
        return host is None or self._hearing.is_up(host) is not False

    def _zone_of(self, host_id: str) -> str:
        host = self.compute.hosts.get(host_id)
        return host.zone if host else USUAL_ZONE

    def _start_reconcilers(self) -> None:
        compute = self.compute
        self._wirings = Reconciler("port_wirings", 60.0, PortWirings(compute))
        for reconciler in (
            Reconciler("cells", _CELLS_SECONDS, self._take_in_more),
            Reconciler("lost_hosts", 5.0, LostHosts(compute, self._hearing)),
            Reconciler("host_places", 5.0, partial(place_hosts, compute)),
            Reconciler("advance_actions", 1.0, partial(advance_actions, compute)),
            Reconciler("precached_images", 5.0, partial(precache_images, compute)),
            Reconciler("stray_claims", 60.0, StrayClaims(compute)),
            Reconciler("old_servers", 3600.0, partial(forget_old_servers, compute)),
            self._wirings,
        ):
            self._loops.start(reconciler)

    def network_changed(self, what: str) -> None:
        """The network service says that rules, ports or subnets changed; ``what`` is the plural name."""
        self._network.forget(what)
        self._wire_ports()

    def _wire_ports(self) -> None:
        if self._wirings is not None:
            self._wirings.wake()

    async def ready(self) -> list[str]:
        """What is missing, in words."""
        missing = [] if self._bus.is_connected else ["the bus is not connected"]
        dark = self.compute.unreachable_cells()  # known: nobody need wait to find out again
        missing += [f"cell {name} does not answer" for name in sorted(dark)]
        for cell in self.compute.cells.all():
            if cell.name in dark:
                continue
            try:
                await cell.database.read(lambda tx: None)
            except KilonovaError as error:
                missing.append(error.message)
        return missing

    async def close(self) -> None:
        await self._loops.close()
        await self.compute.engine.close()
        for carrier in self._carriers.values():
            await carrier.close()
        await self.compute.cells.close()
