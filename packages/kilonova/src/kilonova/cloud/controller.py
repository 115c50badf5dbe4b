"""The controller process: every service of the cloud behind one port, and the bus as a child.

Compute reaches the neighbours and placement through their public APIs: in this process without a socket, or by URL
where the settings say so. Nothing here knows what a service does; it only introduces them to each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from kilonova_compute.api.routes import SERVICE as COMPUTE
from kilonova_compute.app.compute import Admission
from kilonova_compute.app.host_joins import new_token
from kilonova_compute.external.tokens import ServiceTokens
from kilonova_compute.service import ComputeApp, ComputeSettings
from kilonova_kit.bus import Bus, BusAuthority, BusServer
from kilonova_kit.http.client import ByUrl, InProcess, ServiceClient, Transport
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.operations import Service
from kilonova_kit.http.policy import PolicyBook
from kilonova_kit.http.serving import FrontDoor
from kilonova_kit.http.token_check import TokenCheck
from kilonova_neighbours.identity.service import Bootstrap, IdentityApp, IdentitySettings
from kilonova_neighbours.identity.service import make_edge as make_identity_edge
from kilonova_neighbours.image.service import SERVICE as IMAGE
from kilonova_neighbours.image.service import ImageApp
from kilonova_neighbours.image.settings import ImageSettings
from kilonova_neighbours.network.service import SERVICE as NETWORK
from kilonova_neighbours.network.service import BootstrapNetwork, NetworkApp, NetworkSettings
from kilonova_placement.service import SERVICE as PLACEMENT
from kilonova_placement.service import PlacementApp

from kilonova.cloud.errors import CloudError
from kilonova.cloud.first_image import first_image
from kilonova.cloud.folder import CloudFolder, CloudState
from kilonova.cloud.free_network import free_network
from kilonova.cloud.serving import start_serving
from kilonova.cloud.settings import OperatorSettings, database_url, placement_settings

log = logging.getLogger(__name__)


class Part(Protocol):
    """What every service's application can do."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> list[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings:
    """``image_file`` is the guest image that a fresh cloud shows as ``tiny``."""

    folder: CloudFolder
    state: CloudState
    image_file: Path | None = None
    #: Give admin and demo the passwords of ``clouds.yaml`` again, whatever they were changed to.
    reset_passwords: bool = False
    operator: OperatorSettings = field(default_factory=OperatorSettings)


class Controller:
    """Starts the parts in the order they need each other, and ends them in reverse."""

    def __init__(self, settings: ControllerSettings) -> None:
        self._settings = settings
        self._folder, self._state = settings.folder, settings.state
        self._operator = settings.operator
        self._urls: Mapping[str, str] = dict(self._operator.neighbours.items())
        self._policies = PolicyBook(self._operator.policy)
        self._parts: list[Part] = []
        self._transports: dict[str, Transport] = {}
        self._door = FrontDoor(self.ready, version("kilonova"))
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self.compute: ComputeApp | None = None

    async def start(self) -> None:
        """Everything up and the port answering; hosts may join now."""
        bus_server, authority = await self._start_bus()
        bus = await Bus.connect(bus_server.url, authority.controller_credentials("controller"), "controller")
        self._closers.append(bus.close)
        identity = await self._start_identity()
        tokens = self._tokens()
        check = TokenCheck(self._client("identity", None))
        await self._start_image(check, identity)
        await self._start_network(check, identity)
        await self._start_placement(check)
        compute = ComputeApp(
            self._compute_settings(),
            bus=bus,
            admission=Admission(bus_url=bus_server.url, sign_host=authority.sign_user),
            image=self._client("image", tokens),
            network=self._client("network", tokens),
            placement=self._client("placement", tokens),
            limits=self._limits(),
        )
        await self._run(compute)
        self.compute = compute
        self._mount(COMPUTE, compute.compute, check)
        await self._serve()

    async def _start_bus(self) -> tuple[BusServer, BusAuthority]:
        authority = BusAuthority.open(self._folder.root / "bus")
        server = BusServer(authority, self._folder.root / "nats", listen_host=self._operator.bus.listen)
        await server.start()
        self._closers.append(server.stop)
        return server, authority

    def _client(self, name: str, tokens: ServiceTokens | None) -> ServiceClient:
        return ServiceClient(self._transports[name], tokens)

    async def _run(self, part: Part) -> None:
        await part.start()
        self._parts.append(part)
        self._closers.append(part.close)

    def _mount(self, service: Service, app: Any, check: TokenCheck) -> None:
        edge = Edge(service, app, check, self._policies, self._state.public_url)
        self._door.mount(edge)
        self._transports[service.name] = InProcess(edge.asgi, service.prefix)

    def _elsewhere(self, name: str) -> bool:
        """Whether a service runs elsewhere; then it is reached by its URL."""
        if name in self._urls:
            transport = ByUrl(self._urls[name])
            self._transports[name] = transport
            self._closers.append(transport.close)
        return name in self._urls

    async def _start_identity(self) -> IdentityApp | None:
        if self._elsewhere("identity"):
            return None
        app = IdentityApp(
            IdentitySettings(
                data_dir=self._folder.root / "identity",
                database_url=self._database("identity"),
                public_url=self._state.public_url,
                token_seconds=self._operator.identity.token_seconds,
                lockout_failures=self._operator.identity.lockout_failures,
            )
        )
        await self._run(app)
        kept = self._folder.secrets()
        await app.bootstrap(
            Bootstrap(
                admin_password=kept.admin_password,
                demo_password=kept.demo_password,
                service_password=kept.service_password,
                reset_passwords=self._settings.reset_passwords,
            )
        )
        edge = make_identity_edge(app, self._policies, self._state.public_url)
        self._door.mount(edge)
        self._transports["identity"] = InProcess(edge.asgi, edge.service.prefix)
        return app

    async def _start_image(self, check: TokenCheck, identity: IdentityApp | None) -> None:
        if self._elsewhere("image"):
            return
        settings = ImageSettings(
            data_dir=self._folder.root / "images",
            database_url=self._database("image"),
            largest_image=self._operator.image.largest_image,
        )
        app = ImageApp(settings, policies=self._policies)
        await self._run(app)
        self._mount(IMAGE, app, check)
        if identity is None:
            return
        image = first_image(self._folder, self._state, self._settings.image_file, await self._admin_project())
        if image is not None:
            await app.bootstrap(image)

    async def _start_network(self, check: TokenCheck, identity: IdentityApp | None) -> None:
        if self._elsewhere("network"):
            return
        settings = NetworkSettings(database_url=self._database("network"), mtu=self._operator.network.mtu)
        app = NetworkApp(settings, on_change=self._network_changed)
        await self._run(app)
        self._mount(NETWORK, app, check)
        if identity is not None:
            cidr = self._state.private_cidr or await asyncio.to_thread(free_network)
            await app.bootstrap(BootstrapNetwork(name="private", cidr=cidr, project_id=await self._admin_project()))

    def _network_changed(self, what: str) -> None:
        if self.compute is not None:
            self.compute.network_changed(what)

    def _tokens(self, project: str = "service") -> ServiceTokens:
        """The cloud's own user: it works whatever people do with their passwords."""
        password = self._folder.secrets().service_password
        return ServiceTokens(self._client("identity", None), user="kilonova", password=password, project=project)

    def _limits(self) -> ServiceClient | None:
        """Who keeps limits, where it is not compute; whoever reads everybody's must speak for the system."""
        if self._operator.project.limits == "compute":
            return None
        return self._client("identity", self._tokens(project=""))

    async def _admin_project(self) -> str:
        """The id of the project ``admin``."""
        identity = self._client("identity", self._tokens())
        reply = await identity.request("GET", "/v3/projects", query={"name": "admin", "domain_id": "default"})
        return str(reply.json()["projects"][0]["id"])

    async def _start_placement(self, check: TokenCheck) -> None:
        if self._elsewhere("placement"):
            return
        app = PlacementApp(placement_settings(self._operator, self._folder))
        await self._run(app)
        self._mount(PLACEMENT, app, check)

    def _database(self, name: str) -> str:
        """The URL of one of the cloud's databases."""
        return database_url(self._operator, self._folder, name)

    def _compute_settings(self) -> ComputeSettings:
        kept = self._folder.secrets()
        names = ["cell0", *(f"cell{number}" for number in range(1, self._state.cells + 1))]
        return ComputeSettings(
            global_url=self._database("compute"),
            cells={name: self._database(name) for name in names},
            controller_id=kept.controller_id,
            ticket_secret=bytes.fromhex(kept.ticket_secret),
            limits=self._operator.limits,
            flavors_on_demand=self._operator.flavors_on_demand,
            device_aliases=self._operator.device_aliases,
        )

    async def _serve(self) -> None:
        self._closers.append(await start_serving(self._door, self._state))

    async def join_token(self, cell: str) -> str:
        """A token for a host of this machine. Raises CloudError before ``start``."""
        if self.compute is None:
            raise CloudError("the controller has not started")
        return await new_token(self.compute.compute, cell)

    async def ready(self) -> list[str]:
        """What is missing, in words."""
        return [words for part in self._parts for words in await part.ready()]

    async def close(self) -> None:
        """End every part, also where one does not end well: what is left would be a child, or a lock."""
        for close in reversed(self._closers):
            try:
                await close()
            except Exception:
                log.exception("a part of the controller did not end well")
