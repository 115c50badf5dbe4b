"""An image service on SQLite, asked in process; tokens are names of people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kilonova_kit.http.client import InProcess, Reply, ServiceClient
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.identity import Identity
from kilonova_kit.http.policy import PolicyBook
from kilonova_neighbours.image.service import SERVICE, ImageApp
from kilonova_neighbours.image.settings import ImageSettings

_ROLES = {"reader": {"reader"}, "member": {"reader", "member"}, "admin": {"reader", "member", "manager", "admin"}}

#: Who a token is: (project, role).
PEOPLE = {
    "anna": ("alpha", "member"),
    "rita": ("alpha", "reader"),
    "nobody": ("alpha", ""),
    "ben": ("beta", "member"),
    "bea": ("beta", "reader"),
    "root": ("admin", "admin"),
}


class People:
    """An Authenticator for whom a name is a token."""

    async def identify(self, token: str) -> Identity | None:
        if token not in PEOPLE:
            return None
        project, role = PEOPLE[token]
        roles = frozenset(_ROLES.get(role, set()))
        return Identity(user_id=token, project_id=project, roles=roles, expires_at=4e9, token=token)


class Cloud:
    """An image service and ways to talk to it."""

    def __init__(self, settings: ImageSettings) -> None:
        self.settings = settings
        self.app = ImageApp(settings)
        self.edge = Edge(SERVICE, self.app, People(), PolicyBook())
        self.transport = InProcess(self.edge.asgi, "/image")
        self.client = ServiceClient(self.transport)

    async def ask(self, who: str, method: str, path: str, json: Any = None, **headers: str) -> Reply:
        return await self.client.request(
            method,
            path,
            json=json,
            token=who or None,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    async def create(self, who: str = "anna", **fields: Any) -> dict[str, Any]:
        body = {"name": "disk", "disk_format": "raw", "container_format": "bare", **fields}
        reply = await self.ask(who, "POST", "/v2/images", body)
        assert reply.status == 201, reply.body
        image: dict[str, Any] = reply.json()
        return image

    async def put(self, who: str, path: str, data: bytes, **headers: str) -> Reply:
        sent = {"Content-Type": "application/octet-stream", "X-Auth-Token": who}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.transport.send("PUT", path, sent, data)

    async def upload(self, image_id: str, data: bytes, who: str = "anna") -> Reply:
        return await self.put(who, f"/v2/images/{image_id}/file", data)

    async def show(self, image_id: str, who: str = "anna") -> dict[str, Any]:
        reply = await self.ask(who, "GET", f"/v2/images/{image_id}")
        assert reply.status == 200, reply.body
        image: dict[str, Any] = reply.json()
        return image

    async def patch(self, who: str, image_id: str, *operations: tuple[Any, ...]) -> Reply:
        body = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
        kind = "application/openstack-images-v2.1-json-patch"
        return await self.ask(who, "PATCH", f"/v2/images/{image_id}", body, Content_Type=kind)

    async def names(self, who: str, query: str = "") -> list[str]:
        reply = await self.ask(who, "GET", "/v2/images" + (f"?{query}" if query else ""))
        assert reply.status == 200, reply.body
        return [image["name"] for image in reply.json()["images"]]

    def files(self) -> list[str]:
        return sorted(
            path.name for folder in ("incoming", "data") for path in (self.settings.data_dir / folder).iterdir()
        )


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    made = Cloud(ImageSettings(data_dir=tmp_path / "images", largest_image=64 * 1024 * 1024))
    await made.app.start()
    yield made
    await made.app.close()


@pytest.fixture
async def two_clouds(postgresql_url: str, tmp_path: Path) -> AsyncIterator[tuple[Cloud, Cloud]]:
    """Two processes' worth of the service on one PostgreSQL database and one folder."""
    settings = ImageSettings(data_dir=tmp_path / "images", database_url=postgresql_url)
    one, other = Cloud(settings), Cloud(settings)
    await one.app.start()
    await other.app.start()
    yield one, other
    await one.app.close()
    await other.app.close()
