"""A placement service in this process, spoken to through its HTTP API, with a clock the test moves."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from kilonova_kit.http.client import InProcess, ServiceClient
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.identity import Identity
from kilonova_kit.http.policy import PolicyBook
from kilonova_placement.client import PlacementClient
from kilonova_placement.model.claims import Owner
from kilonova_placement.model.providers import Inventory, ProviderReport
from kilonova_placement.model.requests import Request
from kilonova_placement.service import SERVICE, PlacementApp, PlacementSettings


class ByRole:
    """An authenticator for tests: the token is the role."""

    async def identify(self, token: str) -> Identity | None:
        if token == "nonsense":
            return None
        return Identity(user_id=f"the-{token}", project_id="p", roles=frozenset({token}))


@dataclass
class MovedClock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Placement:
    """One running service."""

    app: PlacementApp
    http: ServiceClient
    client: PlacementClient
    clock: MovedClock


def provider_id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def report(name: str, *, vcpu: int = 8, ram: int = 8192, disk: int = 100, **more: object) -> ProviderReport:
    inventories = {
        "VCPU": Inventory(total=vcpu),
        "MEMORY_MB": Inventory(total=ram),
        "DISK_GB": Inventory(total=disk),
    }
    return ProviderReport(name=name, inventories=inventories, **more)


def request(vcpu: int = 1, ram: int = 512, disk: int = 1, **more: object) -> Request:
    return Request(resources={"VCPU": vcpu, "MEMORY_MB": ram, "DISK_GB": disk}, **more)


OWNER = Owner(name="server:aaaa", project_id="p1", user_id="u1")


def owner(name: str, project: str = "p1") -> Owner:
    return Owner(name=f"server:{name}", project_id=project, user_id="u1")


class Behind:
    """The app behind an edge that may outlive it: to build an edge takes longer than most tests' steps."""

    def __init__(self) -> None:
        self.app: PlacementApp | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.app, name)


async def _service_token() -> str:
    return "service"


def _client(app: PlacementApp, edges: dict[str, tuple[Behind, ServiceClient]]) -> ServiceClient:
    """A client of this app. ``edges`` keeps the edge of a test that starts many apps."""
    if not edges:
        behind = Behind()
        transport = InProcess(Edge(SERVICE, behind, ByRole(), PolicyBook()).asgi, SERVICE.prefix)
        edges["edge"] = behind, ServiceClient(transport, _service_token)
    behind, client = edges["edge"]
    behind.app = app
    return client


@contextlib.asynccontextmanager
async def running(
    database: str, clock: MovedClock | None = None, edges: dict | None = None, **settings: object
) -> AsyncIterator[Placement]:
    clock = clock or MovedClock()
    quiet = {"reap_every": 3600.0, "prove_every": 3600.0, "follow_every": 3600.0, "seed": 1, **settings}
    app = PlacementApp(PlacementSettings(database=database, **quiet), clock)
    await app.start()
    client = _client(app, {} if edges is None else edges)
    try:
        yield Placement(app, client, PlacementClient(client), clock)
    finally:
        await app.close()


@pytest.fixture
def database(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/placement.db"


@pytest.fixture
async def placement(database) -> AsyncIterator[Placement]:
    async with running(database) as service:
        yield service


class Make:
    """What tests build things with."""

    provider_id = staticmethod(provider_id)
    report = staticmethod(report)
    request = staticmethod(request)
    owner = staticmethod(owner)
    running = staticmethod(running)


@pytest.fixture
def make() -> type[Make]:
    return Make
