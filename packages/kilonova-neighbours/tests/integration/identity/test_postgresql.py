"""Two processes of the identity service on one PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from kilonova_kit.http.client import InProcess, ServiceClient
from kilonova_neighbours.identity.service import Bootstrap, IdentityApp, IdentitySettings, make_edge

pytestmark = pytest.mark.postgresql
#: Hashes like the real one, in a thousandth of the time.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
async def two_apps(
    postgresql_url: str, tmp_path: Path, clock: Any, wanted: Bootstrap
) -> AsyncIterator[list[IdentityApp]]:
    """Both make the first things of the cloud, at the same moment."""
    settings = IdentitySettings(data_dir=tmp_path / "identity", database_url=postgresql_url, lockout_failures=0)
    apps = [IdentityApp(settings, clock, CHEAP) for _ in range(2)]
    for app in apps:
        await app.start()
    await asyncio.gather(*(app.bootstrap(wanted) for app in apps))
    clock.move(1)
    yield apps
    for app in apps:
        await app.close()


@pytest.fixture
async def two(two_apps: list[IdentityApp], clock: Any, make_cloud: Any) -> list[Any]:
    clients = [ServiceClient(InProcess(make_edge(app).asgi, "/identity", "cloud.example")) for app in two_apps]
    return [await make_cloud(app, clock, client) for app, client in zip(two_apps, clients, strict=True)]


async def test_changes_at_once_are_all_kept(two: list[Any]) -> None:
    user = await two[0].user("ann")
    changes = [
        cloud.status(f"PATCH /users/{user['id']}", {"user": {f"p{number}": "x"}})
        for number, cloud in enumerate(two * 6)
    ]
    assert set(await asyncio.gather(*changes)) == {200}
    assert {f"p{number}" for number in range(12)} <= (await two[1].made(f"GET /users/{user['id']}")).keys()


async def test_wrong_guesses_do_not_bring_an_old_password_back(two: list[Any]) -> None:
    user = await two[0].user("ann")
    for number in range(8):
        new = {"user": {"password": f"new {number}"}}
        guesses = [two[1].login("ann", f"wrong {number} {guess}") for guess in range(4)]
        await asyncio.gather(two[0].status(f"PATCH /users/{user['id']}", new), *guesses)
        assert (await two[1].login("ann", f"new {number}")).status == 201


async def test_a_trust_for_one_use_is_used_once(two: list[Any]) -> None:
    project = await two[0].project("hers")
    ann, bob = await two[0].user("ann", roles={project["id"]: "member"}), await two[0].user("bob")
    token = await two[0].token("ann", "ann-password", {"project": {"id": project["id"]}})
    body = {"trustor_user_id": ann["id"], "trustee_user_id": bob["id"], "project_id": project["id"]}
    body |= {"impersonation": True, "roles": [{"name": "member"}], "remaining_uses": 1}
    for _ in range(5):
        made = await two[0].made("POST /OS-TRUST/trusts", {"trust": body}, token=token)
        scope = {"OS-TRUST:trust": {"id": made["id"]}}
        replies = await asyncio.gather(*(cloud.login("bob", "bob-password", scope) for cloud in two * 2))
        assert sorted(reply.status for reply in replies) == [201, 401, 401, 401]


async def test_limits_are_registered_once(two: list[Any]) -> None:
    (service,) = await two[0].made("GET /services?type=compute")
    for number in range(5):
        limit = {"service_id": service["id"], "resource_name": f"r{number}", "default_limit": 1}
        body = {"registered_limits": [limit]}
        assert sorted(await asyncio.gather(*(cloud.status("POST /registered_limits", body) for cloud in two))) == [
            201,
            409,
        ]
