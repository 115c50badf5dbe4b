"""A whole control plane on SQLite with two cells beside cell0, its neighbours in memory, spoken to through its edge.

``restart`` is what a crash leaves behind: everything in the process is gone, the databases are opened anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, cast

from compute_fakes import FakeHosts, FakeImages, FakeNetwork, FakePlacement
from kilonova_compute.actions.all_actions import ACTIONS
from kilonova_compute.actions.engine import Engine
from kilonova_compute.actions.steps import Services
from kilonova_compute.agents.requests import HostLink
from kilonova_compute.api.routes import SERVICE
from kilonova_compute.app.compute import Admission, Compute, Limits
from kilonova_compute.app.flavors import bootstrap_flavors
from kilonova_compute.cells.cells import Cells
from kilonova_compute.cells.index import IndexCarrier
from kilonova_compute.external.image import ImageService
from kilonova_compute.external.network import NetworkService
from kilonova_compute.external.placement import PlacementService
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.listing import USUAL_ORDER, ServerFilter
from kilonova_compute.model.servers import Server
from kilonova_compute.reconcilers.advance_actions import advance_actions
from kilonova_compute.store import actions as action_store
from kilonova_compute.store import hosts as host_store
from kilonova_compute.store import index as index_store
from kilonova_compute.store import servers as server_store
from kilonova_kit.http.client import InProcess, Reply, ServiceClient
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.identity import Identity
from kilonova_kit.http.policy import PolicyBook
from kilonova_placement.client import PlacementClient

READER, MEMBER = frozenset({"reader"}), frozenset({"reader", "member"})
MANAGER, ADMIN = MEMBER | {"manager"}, MEMBER | {"manager", "admin"}

WHO = {
    "admin": Identity(user_id="root", project_id="admins", roles=ADMIN, expires_at=2**40, token="admin"),
    "alice": Identity(user_id="alice", project_id="red", roles=MEMBER, expires_at=2**40, token="alice"),
    "chief": Identity(user_id="chief", project_id="red", roles=MANAGER, expires_at=2**40, token="chief"),
    "watcher": Identity(user_id="watcher", project_id="red", roles=READER, expires_at=2**40, token="watcher"),
    "bob": Identity(user_id="bob", project_id="blue", roles=MEMBER, expires_at=2**40, token="bob"),
    "nobody": Identity(user_id="nobody", project_id="red", expires_at=2**40, token="nobody"),
}

HOSTS = {"alpha": "cell1", "beta": "cell1", "gamma": "cell2"}


class KnownTokens:
    """A token is the name of who bears it."""

    async def identify(self, token: str) -> Identity | None:
        return WHO.get(token)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


class World:
    """What outlives a restart, and the control plane of the moment."""

    def __init__(self, folder: Path, *, limits: Limits = Limits(), hosts: dict[str, str] = HOSTS) -> None:  # noqa: B008
        self.folder, self.limits, self.host_cells = folder, limits, hosts
        self.network, self.images, self.placement = FakeNetwork(), FakeImages(), FakePlacement(hosts)
        self.hosts, self.clock = FakeHosts(), Clock()
        self.compute: Compute
        self.client: ServiceClient

    # --- life

    def copy(self, folder: Path) -> World:
        """The same world in another folder; this one must be stopped."""
        shutil.copytree(self.folder, folder)
        made = World(folder, limits=self.limits, hosts=self.host_cells)
        made.network, made.images, made.placement = deepcopy((self.network, self.images, self.placement))
        made.hosts, made.clock = deepcopy((self.hosts, self.clock))
        return made

    async def start(self) -> None:
        cells = Cells(f"sqlite:///{self.folder}/global.db")
        names = ("cell0", *sorted(set(self.host_cells.values())))
        await cells.start({name: f"sqlite:///{self.folder}/{name}.db" for name in names})
        carriers = {cell.name: IndexCarrier(cell, cells.database) for cell in cells.all()}
        for carrier in carriers.values():
            carrier.start()
        self.compute = self._compose(cells, carriers)
        await self._enter_hosts()
        await bootstrap_flavors(self.compute)
        edge = Edge(SERVICE, self.compute, KnownTokens(), PolicyBook(), "http://cloud")
        self.client = ServiceClient(InProcess(edge.asgi, "/compute"))

    def _compose(self, cells: Cells, carriers: dict[str, IndexCarrier]) -> Compute:
        network = NetworkService(ServiceClient(self.network), self.clock)
        image = ImageService(ServiceClient(self.images))
        placement = PlacementService(PlacementClient(ServiceClient(self.placement)))
        services = Services(
            placement=placement, network=network, image=image, image_ticket=lambda image, host: "ticket",
            clock=self.clock, zone_of=lambda host_id: self.compute.hosts[host_id].zone,
        )  # fmt: skip
        links = cast(HostLink, self.hosts)
        engine = Engine(
            ACTIONS, cells, links, services, announce=lambda cell: carriers[cell.name].wake(),
            host_is_up=lambda cell, host: True, holder="controller-1",
        )  # fmt: skip
        return Compute(
            cells=cells, carriers=carriers, engine=engine, links=links, placement=placement, network=network,
            image=image, clock=self.clock, limits=self.limits, image_ticket=lambda image, host: "ticket",
            check_ticket=lambda image, ticket: None,
            admission=Admission(bus_url="", sign_host=lambda name, key, publish, subscribe: ""),
        )  # fmt: skip

    async def _enter_hosts(self) -> None:
        for number, (name, cell) in enumerate(self.host_cells.items()):
            host = Host(id=f"id-{name}", name=name, cell=cell, number=number + 1, heard_at=2**40)
            await self.compute.cells.get(cell).database.write(lambda tx, host=host: host_store.save(tx, host))
            self.compute.hosts[host.id] = host

    async def stop(self) -> None:
        await self.compute.engine.close()
        for carrier in self.compute.carriers.values():
            await carrier.close()
        await self.compute.cells.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    # --- work

    async def settle(self, until: Callable[[], Awaitable[bool]] | None = None, rounds: int = 60) -> None:
        """Let everything happen that is due, and hosts be heard, until nothing is open (or ``until`` says so)."""
        for _ in range(rounds):
            await self.compute.engine.drain()
            heard, self.hosts.unheard = self.hosts.unheard, []
            for cell, host_id, report in heard:
                await self.compute.engine.step_reported(self.compute.cells.get(cell), host_id, report)
            await self.compute.engine.drain()
            if not self.hosts.unheard and (await until() if until else await self.idle()):
                break
            self.clock.now += 4.0
            await advance_actions(self.compute)
        else:
            raise AssertionError("the control plane did not come to rest")
        for carrier in self.compute.carriers.values():
            await carrier.flush()

    async def idle(self) -> bool:
        return not [1 for cell in self.compute.cells.all() if await cell.database.read(action_store.count_open)]

    async def server(self, server_id: str) -> Server | None:
        """The server from whichever cell has it."""
        for cell in self.compute.cells.all():
            found = await cell.database.read(lambda tx: server_store.find(tx, server_id))
            if found is not None:
                return found
        return None

    async def servers(self) -> list[Server]:
        """Every server that is not deleted, from the index."""
        read = partial(index_store.listed, wanted=ServerFilter(), order=USUAL_ORDER, marker=None, limit=None)
        return await self.compute.cells.database.read(read)

    # --- the API

    async def ask(self, who: str, method: str, path: str, body: Any = None, version: str = "", **more: Any) -> Reply:
        headers = {"OpenStack-API-Version": f"compute {version}"} if version else {}
        return await self.client.request(
            method, "/v2.1" + path, json=body, token=who or None, headers=headers, **more
        )  # fmt: skip

    async def get(self, who: str, path: str, version: str = "") -> Any:
        reply = await self.ask(who, "GET", path, version=version)
        assert reply.status == 200, reply.body
        return reply.json()

    async def boot(self, who: str = "alice", *, name: str = "web", settle: bool = True, **more: Any) -> str:
        """Create a server and let it become ACTIVE; its id."""
        wanted = {"name": name, "imageRef": self.images.image_id, "flavorRef": "1", **more}
        reply = await self.ask(who, "POST", "/servers", {"server": wanted})
        assert reply.status == 202, reply.body
        if settle:
            await self.settle()
        return str(reply.json()["server"]["id"])

    async def act(self, who: str, server_id: str, what: dict[str, Any], version: str = "") -> Reply:
        return await self.ask(who, "POST", f"/servers/{server_id}/action", what, version)
