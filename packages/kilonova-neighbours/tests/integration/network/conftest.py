"""A network service on SQLite, spoken to through its edge as a client does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kilonova_kit.http.client import InProcess, Reply, ServiceClient
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.identity import Identity
from kilonova_kit.http.policy import PolicyBook
from kilonova_neighbours.network.service import SERVICE, NetworkApp, NetworkSettings

READER, MEMBER = frozenset({"reader"}), frozenset({"reader", "member"})
ADMIN, SERVICE_ROLE = frozenset({"reader", "member", "manager", "admin"}), frozenset({"service"})

WHO = {
    "admin": Identity(user_id="root", project_id="admins", roles=ADMIN, expires_at=2**40),
    "alice": Identity(user_id="alice", project_id="red", roles=MEMBER, expires_at=2**40),
    "watcher": Identity(user_id="watcher", project_id="red", roles=READER, expires_at=2**40),
    "bob": Identity(user_id="bob", project_id="blue", roles=MEMBER, expires_at=2**40),
    "compute": Identity(user_id="compute", project_id="services", roles=SERVICE_ROLE, expires_at=2**40),
    "nobody": Identity(user_id="nobody", project_id="red", expires_at=2**40),
}


class KnownTokens:
    """A token is the name of who bears it."""

    async def identify(self, token: str) -> Identity | None:
        return WHO.get(token)


class Cloud:
    """The service under test, and short ways to speak to it."""

    def __init__(self, app: NetworkApp, client: ServiceClient, told: list[str]) -> None:
        self.app, self.client = app, client
        #: One item for every call of ``on_change``.
        self.told = told

    async def ask(self, who: str, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return await self.client.request(method, "/v2.0" + path, json=body, token=who or None, **more)

    async def get(self, who: str, path: str, **query: Any) -> Any:
        reply = await self.ask(who, "GET", path, query=query)
        assert reply.status == 200, reply.body
        return reply.json()

    async def make(self, who: str, singular: str, **body: Any) -> Any:
        plural = "rbac-policies" if singular == "rbac_policy" else singular.replace("_", "-") + "s"
        reply = await self.ask(who, "POST", f"/{plural}", {singular: body})
        assert reply.status == 201, reply.body
        return reply.json()[singular]

    async def change(self, who: str, singular: str, wanted: str, **body: Any) -> Any:
        reply = await self.ask(who, "PUT", f"/{singular.replace('_', '-')}s/{wanted}", {singular: body})
        assert reply.status == 200, reply.body
        return reply.json()[singular]

    async def drop(self, who: str, singular: str, wanted: str) -> None:
        reply = await self.ask(who, "DELETE", f"/{singular.replace('_', '-')}s/{wanted}")
        assert reply.status == 204, reply.body

    async def refusal(self, who: str, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str, str]:
        """Status, Neutron's type, and message."""
        reply = await self.ask(who, method, path, body, **more)
        assert reply.status >= 400, reply.body
        error = reply.json()["NeutronError"]
        return reply.status, error["type"], error["message"]

    async def network_with_subnet(self, who: str = "alice", cidr: str = "10.0.0.0/24", **more: Any) -> Any:
        network = await self.make(who, "network", name="net")
        subnet = await self.make(
            who, "subnet", network_id=network["id"], cidr=cidr, ip_version=6 if ":" in cidr else 4, **more
        )
        return network["id"], subnet


async def start_cloud(settings: NetworkSettings) -> Cloud:
    told: list[str] = []
    app = NetworkApp(settings, on_change=told.append)
    await app.start()
    edge = Edge(SERVICE, app, KnownTokens(), PolicyBook())
    return Cloud(app, ServiceClient(InProcess(edge.asgi, SERVICE.prefix)), told)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    started = await start_cloud(NetworkSettings(database_url=f"sqlite:///{tmp_path}/network.db"))
    yield started
    await started.app.close()


@pytest.fixture
async def two_clouds(postgresql_url: str) -> AsyncIterator[tuple[Cloud, Cloud]]:
    """Two processes' worth of the service on one database."""
    one, other = [await start_cloud(NetworkSettings(database_url=postgresql_url)) for _ in range(2)]
    yield one, other
    await one.app.close()
    await other.app.close()
