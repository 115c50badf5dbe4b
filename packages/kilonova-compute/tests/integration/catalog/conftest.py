"""The catalog half of the compute API in this process: real stores and a real placement, hosts that only report."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from kilonova_compute.api.routes import SERVICE
from kilonova_compute.app.compute import Compute, Limits
from kilonova_compute.app.flavors import bootstrap_flavors
from kilonova_compute.cells.cells import Cells
from kilonova_compute.cells.index import IndexCarrier
from kilonova_compute.external.placement import PlacementService
from kilonova_compute.model.aggregate_rules import HostRules
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.servers import FlavorSnapshot, Server, VmState
from kilonova_compute.store import hosts as host_store
from kilonova_compute.store import servers as server_store
from kilonova_driver.types.inventory import Inventory, Pool
from kilonova_kit.http.client import InProcess, Reply, ServiceClient
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.identity import Identity
from kilonova_kit.http.policy import PolicyBook
from kilonova_placement.client import PlacementClient
from kilonova_placement.service import SERVICE as PLACEMENT
from kilonova_placement.service import PlacementApp, PlacementSettings

ROLES = {
    "admin": frozenset({"admin", "manager", "member", "reader"}),
    "member": frozenset({"member", "reader"}),
    "reader": frozenset({"reader"}),
    "service": frozenset({"service"}),
    "stranger": frozenset({"reader", "member"}),
}


class ByRole:
    """An authenticator for tests: the token is the role; a stranger is of another project."""

    async def identify(self, token: str) -> Identity | None:
        if token not in ROLES:
            return None
        project = "elsewhere" if token == "stranger" else "home"
        return Identity(user_id=f"the-{token}", project_id=project, roles=ROLES[token])


@dataclass
class MovedClock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Cloud:
    """One running compute API."""

    compute: Compute
    http: ServiceClient
    clock: MovedClock
    network_forgotten: list[bool] = field(default_factory=list)
    ports_looked_at: list[bool] = field(default_factory=list)

    async def ask(
        self, method: str, path: str, json: Any = None, *, role: str | None = "admin", version: str = "2.1"
    ) -> Reply:
        headers = {"OpenStack-API-Version": f"compute {version}"}
        if role is not None:
            headers["X-Auth-Token"] = role
        path = path.removeprefix("/") if path.startswith("//") else f"/v2.1{path}"
        return await self.http.request(method, path, json=json, headers=headers)

    async def get(self, path: str, **how: Any) -> Any:
        reply = await self.ask("GET", path, **how)
        assert reply.status == 200, reply.body
        return reply.json()

    async def add_host(self, name: str, number: int, cell: str = "cell1") -> Host:
        """A host that has joined and said what it has."""
        inventory = Inventory(
            pools=(
                Pool(resource_class="VCPU", total=8),
                Pool(resource_class="MEMORY_MB", total=8192, reserved=512),
                Pool(resource_class="DISK_GB", total=100),
            ),
            hypervisor_type="fake",
            hypervisor_version=1_000_000,
        )
        host = Host(
            id=f"00000000-0000-4000-8000-{number:012d}",
            name=name,
            cell=cell,
            number=number,
            heard_at=self.clock(),
            started_at=self.clock() - 3600,
            address="192.0.2.1",
            inventory=msgspec.to_builtins(inventory),
        )
        await self.compute.cells.get(cell).database.write(lambda tx: host_store.save(tx, host))
        self.compute.hosts[host.id] = host
        await self.compute.placement.report_host(host, inventory, HostRules())
        return host

    async def add_server(self, number: int, *, host: Host | None = None, hours: float = 1.0, **more: Any) -> Server:
        """A server that is ACTIVE since some hours."""
        cell = host.cell if host else "cell1"
        born = self.clock() - hours * 3600
        server = Server(
            id=f"11111111-0000-4000-8000-{number:012d}",
            cell=cell,
            name=f"server-{number}",
            hostname=f"server-{number}",
            created_at=born,
            updated_at=born,
            launched_at=born,
            vm_state=VmState.ACTIVE,
            flavor=FlavorSnapshot(flavor_id="1", name="m1.tiny", vcpus=2, ram=128, disk=1),
            host=host.name if host else None,
            host_id=host.id if host else None,
            **{"project_id": "home", "user_id": "the-member", **more},
        )
        where = self.compute.cells.get(cell)
        await where.database.write(lambda tx: server_store.add(tx, server))
        await self.compute.announced(where)
        return server


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    clock = MovedClock()
    cells = Cells(f"sqlite:///{tmp_path}/global.db")
    await cells.start({name: f"sqlite:///{tmp_path}/{name}.db" for name in ("cell0", "cell1", "cell2")})
    carriers = {cell.name: IndexCarrier(cell, cells.database) for cell in cells.all()}
    for carrier in carriers.values():
        carrier.start()
    placement = PlacementApp(PlacementSettings(database=f"sqlite:///{tmp_path}/placement.db"), clock)
    await placement.start()

    async def token() -> str:
        return "service"

    transport = InProcess(Edge(PLACEMENT, placement, ByRole(), PolicyBook()).asgi, PLACEMENT.prefix)
    forgotten: list[bool] = []
    looked_at: list[bool] = []
    compute = Compute(
        cells=cells,
        carriers=carriers,
        engine=SimpleNamespace(holder="controller-1"),
        links=SimpleNamespace(),
        placement=PlacementService(PlacementClient(ServiceClient(transport, token))),
        network=SimpleNamespace(forget=lambda: forgotten.append(True)),
        image=SimpleNamespace(),
        clock=clock,
        limits=Limits(),
        image_ticket=lambda image, host: "",
        check_ticket=lambda image, ticket: None,
        admission=SimpleNamespace(),
        wire_ports=lambda: looked_at.append(True),
    )
    await bootstrap_flavors(compute)
    edge = Edge(SERVICE, compute, ByRole(), PolicyBook())

    class Rewriting:
        """What the process's own application does with older paths."""

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            path = SERVICE.rewrite(scope["path"]) if SERVICE.rewrite else scope["path"]
            await edge.asgi({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    yield Cloud(compute, ServiceClient(InProcess(Rewriting(), SERVICE.prefix)), clock, forgotten, looked_at)
    for carrier in carriers.values():
        await carrier.close()
    await placement.close()
    await cells.close()
