"""A small cloud to talk to: the identity service in this process, on SQLite, with a clock that tests may move."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from kilonova_kit.http.client import InProcess, Reply, ServiceClient
from kilonova_neighbours.identity.service import Bootstrap, IdentityApp, IdentitySettings, make_edge

ADMIN, DEMO, SERVICE = "admin-password", "demo-password", "service-password"


#: Hashes like the real one, in a thousandth of the time.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class MovableClock:
    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Cloud:
    """``ask`` speaks with a token; ``admin`` and ``demo`` are tokens on the projects of these names."""

    app: IdentityApp
    clock: MovableClock
    client: ServiceClient
    admin: str = ""
    demo: str = ""

    async def ask(self, request: str, json: Any = None, *, token: str | None = None, **headers: str) -> Reply:
        method, _, path = request.partition(" ")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, "/v3" + path, json=json, token=token, headers=named)

    async def made(self, request: str, json: Any = None, *, token: str = "") -> Any:
        """What an admin's request answers below its one name; fails unless it is well answered."""
        reply = await self.ask(request, json, token=token or self.admin)
        assert reply.ok, (request, reply.status, reply.body)
        body = reply.json()
        return next((body[name] for name in body if name != "links"), None) if body else None

    async def status(self, request: str, json: Any = None, *, token: str | None = "") -> int:
        return (await self.ask(request, json, token=self.admin if token == "" else token)).status

    async def login(
        self, name: str, password: str, scope: Any = None, *, domain: str = "default", **identity: Any
    ) -> Reply:
        user = {"name": name, "domain": {"id": domain}, "password": password}
        proof = identity or {"methods": ["password"], "password": {"user": user}}
        body: dict[str, Any] = {"auth": {"identity": proof}}
        if scope is not None:
            body["auth"]["scope"] = scope
        return await self.ask("POST /auth/tokens", body)

    async def token(self, name: str, password: str, scope: Any = None, *, domain: str = "default") -> str:
        reply = await self.login(name, password, scope, domain=domain)
        assert reply.status == 201, reply.body
        return reply.headers["x-subject-token"]

    async def works(self, token: str) -> bool:
        """Whether a token is still good for anything."""
        return (await self.ask("GET /auth/projects", token=token)).status == 200

    async def user(
        self, name: str, *, roles: dict[str, str] | None = None, domain: str = "default", **more: Any
    ) -> Any:
        """A user with the password ``NAME-password`` and roles by project id."""
        body = {"name": name, "password": f"{name}-password", "domain_id": domain, **more}
        user = await self.made("POST /users", {"user": body})
        for project_id, role in (roles or {}).items():
            role_id = await self.role(role)
            path = f"/projects/{project_id}/users/{user['id']}/roles/{role_id}"
            assert await self.status(f"PUT {path}") == 204
        return user

    async def role(self, name: str) -> str:
        (role,) = await self.made(f"GET /roles?name={name}")
        return str(role["id"])

    async def project(self, name: str, **more: Any) -> Any:
        return await self.made("POST /projects", {"project": {"name": name, **more}})


def on(project: str) -> dict[str, Any]:
    return {"project": {"name": project, "domain": {"id": "default"}}}


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def wanted() -> Bootstrap:
    return Bootstrap(admin_password=ADMIN, demo_password=DEMO, service_password=SERVICE)


@pytest.fixture
async def app(tmp_path: Path, clock: MovableClock, wanted: Bootstrap) -> AsyncIterator[IdentityApp]:
    app = IdentityApp(IdentitySettings(data_dir=tmp_path / "identity"), clock, CHEAP)
    await app.start()
    await app.bootstrap(wanted)
    clock.move(1)
    yield app
    await app.close()


@pytest.fixture
async def cloud(app: IdentityApp, clock: MovableClock) -> Cloud:
    client = ServiceClient(InProcess(make_edge(app).asgi, "/identity", "cloud.example:8774"))
    return await _cloud(app, clock, client)


async def _cloud(app: IdentityApp, clock: MovableClock, client: ServiceClient) -> Cloud:
    cloud = Cloud(app, clock, client)
    cloud.admin = await cloud.token("admin", ADMIN, on("admin"))
    cloud.demo = await cloud.token("demo", DEMO, on("demo"))
    return cloud


@pytest.fixture
def make_cloud() -> Callable[..., Awaitable[Cloud]]:
    """For tests that talk to several apps."""
    return _cloud
