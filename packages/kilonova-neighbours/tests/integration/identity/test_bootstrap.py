"""The first things of a cloud, and what a restart finds."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from kilonova_kit.http.client import InProcess, ServiceClient
from kilonova_neighbours.identity.service import Bootstrap, IdentityApp, IdentitySettings, make_edge


async def test_a_second_bootstrap_changes_nothing(cloud: Any, wanted: Bootstrap) -> None:
    lists = ("users", "projects", "roles", "services", "endpoints", "regions", "role_assignments")
    before = [await cloud.made(f"GET /{name}") for name in lists]
    cloud.clock.move(1)
    await cloud.app.bootstrap(wanted)
    assert [await cloud.made(f"GET /{name}") for name in lists] == before
    assert len(before[4]) == 15


async def test_a_password_that_was_changed_stays_changed(cloud: Any, wanted: Bootstrap) -> None:
    (admin,) = await cloud.made("GET /users?name=admin")
    change = {"user": {"original_password": "admin-password", "password": "my own"}}
    assert await cloud.status(f"POST /users/{admin['id']}/password", change) == 204
    cloud.clock.move(1)
    await cloud.app.bootstrap(wanted)
    assert (await cloud.login("admin", "my own")).status == 201
    assert (await cloud.login("admin", "admin-password")).status == 401


async def test_guesses_lock_people_but_never_the_service(cloud: Any, wanted: Bootstrap) -> None:
    for _ in range(6):
        assert (await cloud.login("demo", "guess")).status == 401
        assert (await cloud.login("kilonova", "guess")).status == 401
    assert (await cloud.login("demo", "demo-password")).status == 401
    assert (await cloud.login("kilonova", "service-password")).status == 201


async def test_a_lost_password_is_set_anew_when_that_is_asked_for(cloud: Any) -> None:
    cloud.clock.move(1)
    await cloud.app.bootstrap(
        Bootstrap(
            admin_password="admin-password",
            demo_password="new",
            service_password="service-password",
            reset_passwords=True,
        )
    )
    assert (await cloud.login("demo", "new")).status == 201
    assert not await cloud.works(cloud.demo)
    assert await cloud.works(cloud.admin)


async def test_tokens_and_users_outlive_a_restart(cloud: Any, app: IdentityApp, tmp_path: Path) -> None:
    again = IdentityApp(IdentitySettings(data_dir=tmp_path / "identity"), cloud.clock)
    await again.start()
    assert await again.ready() == []
    cloud.client = ServiceClient(transport_to(again))
    assert await cloud.works(cloud.demo)
    await again.close()


def transport_to(app: IdentityApp) -> Any:
    return InProcess(make_edge(app).asgi, "/identity")


async def test_keys_are_for_their_owner_only(app: IdentityApp, tmp_path: Path) -> None:
    for directory in ("fernet-keys", "credential-keys"):
        path = tmp_path / "identity" / directory
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert {stat.S_IMODE(key.stat().st_mode) for key in path.iterdir()} == {0o600}


async def test_a_configured_public_url_is_what_the_catalog_says(tmp_path: Path, wanted: Bootstrap) -> None:
    app = IdentityApp(IdentitySettings(data_dir=tmp_path / "other", public_url="https://cloud.example/"))
    await app.start()
    await app.bootstrap(wanted)
    user = {"name": "demo", "domain": {"id": "default"}, "password": "demo-password"}
    scope = {"project": {"name": "demo", "domain": {"id": "default"}}}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    reply = await ServiceClient(transport_to(app)).request("POST", "/v3/auth/tokens", json={"auth": auth})
    urls = {entry["type"]: entry["endpoints"][0]["url"] for entry in reply.json()["token"]["catalog"]}
    assert urls["image"] == "https://cloud.example/image"
    await app.close()


def test_passwords_do_not_show_in_what_is_printed(wanted: Bootstrap) -> None:
    assert "password" not in repr(wanted)
