"""Tokens: how they are got, what they say, what ends them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kilonova_kit.http.client import InProcess, ServiceClient
from kilonova_kit.http.token_check import TokenCheck
from kilonova_neighbours.identity.app.passwords import Passwords
from kilonova_neighbours.identity.service import make_edge

DEMO_SCOPE = {"project": {"name": "demo", "domain": {"id": "default"}}}
ADMIN_SCOPE = {"project": {"name": "admin", "domain": {"name": "Default"}}}


def by_token(token: str) -> dict[str, Any]:
    return {"methods": ["token"], "token": {"id": token}}


async def test_a_password_gives_a_token_with_roles_and_a_catalog_for_this_client(cloud: Any) -> None:
    reply = await cloud.login("admin", "admin-password", ADMIN_SCOPE)
    token = reply.json()["token"]
    assert reply.status == 201
    assert [role["name"] for role in token["roles"]] == ["admin", "manager", "member", "reader"]
    assert token["project"]["domain"] == {"id": "default", "name": "Default"}
    assert token["methods"] == ["password"]
    urls = {entry["type"]: {endpoint["url"] for endpoint in entry["endpoints"]} for entry in token["catalog"]}
    assert urls["compute"] == {"http://cloud.example:8774/compute/v2.1"}
    assert set(urls) == {"identity", "compute", "image", "network", "placement"}


async def test_the_text_of_a_token_is_short_and_without_padding(cloud: Any) -> None:
    assert len(cloud.admin) <= 255
    assert "=" not in cloud.admin


@pytest.mark.parametrize("name", ["demo", "nobody-of-this-name"])
async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(cloud: Any, name: str) -> None:
    reply = await cloud.login(name, "wrong")
    assert reply.status == 401
    assert reply.json()["error"]["message"] == "The request you have made requires authentication."


async def test_a_scope_without_a_role_is_refused(cloud: Any) -> None:
    assert (await cloud.login("demo", "demo-password", ADMIN_SCOPE)).status == 401
    assert (await cloud.login("demo", "demo-password", {"system": {"all": True}})).status == 401
    assert (await cloud.login("demo", "demo-password", {"domain": {"id": "default"}})).status == 401


async def test_system_and_domain_tokens_say_their_scope(cloud: Any) -> None:
    system = (await cloud.login("admin", "admin-password", {"system": {"all": True}})).json()["token"]
    domain = (await cloud.login("admin", "admin-password", {"domain": {"name": "Default"}})).json()["token"]
    assert system["system"] == {"all": True}
    assert "project" not in system
    assert domain["domain"]["id"] == "default"


async def test_without_a_scope_the_default_project_is_taken_and_unscoped_means_unscoped(cloud: Any) -> None:
    project = await cloud.project("home")
    await cloud.user("ann", roles={project["id"]: "member"}, default_project_id=project["id"])
    assert (await cloud.login("ann", "ann-password")).json()["token"]["project"]["id"] == project["id"]
    unscoped = (await cloud.login("ann", "ann-password", "unscoped")).json()["token"]
    assert "project" not in unscoped
    assert "catalog" not in unscoped


async def test_a_default_project_that_is_no_use_leaves_the_token_unscoped(cloud: Any) -> None:
    project = await cloud.project("home")
    await cloud.user("ann", default_project_id=project["id"])
    assert "project" not in (await cloud.login("ann", "ann-password")).json()["token"]


async def test_rescoping_keeps_the_end_of_the_token_and_its_chain(cloud: Any) -> None:
    first = (await cloud.login("demo", "demo-password", "unscoped")).json()["token"]
    unscoped = await cloud.token("demo", "demo-password", "unscoped")
    cloud.clock.move(60)
    reply = await cloud.login("", "", DEMO_SCOPE, **by_token(unscoped))
    token = reply.json()["token"]
    assert reply.status == 201
    assert token["expires_at"] == first["expires_at"]
    assert token["methods"] == ["password", "token"]
    assert len(token["audit_ids"]) == 2


async def test_a_token_is_shown_to_itself_to_admins_and_to_services_only(cloud: Any) -> None:
    await cloud.user("eve")
    eve = await cloud.token("eve", "eve-password")
    service = await cloud.token(
        "kilonova", "service-password", {"project": {"name": "service", "domain": {"id": "default"}}}
    )
    show = "GET /auth/tokens?nocatalog"
    for speaker, status in ((cloud.demo, 200), (cloud.admin, 200), (service, 200), (eve, 403)):
        assert (await cloud.ask(show, token=speaker, X_Subject_Token=cloud.demo)).status == status
    assert "catalog" not in (await cloud.ask(show, token=cloud.demo, X_Subject_Token=cloud.demo)).json()["token"]


async def test_head_says_whether_a_token_is_good(cloud: Any) -> None:
    assert (await cloud.ask("HEAD /auth/tokens", token=cloud.admin, X_Subject_Token=cloud.demo)).status == 200
    assert (await cloud.ask("HEAD /auth/tokens", token=cloud.admin, X_Subject_Token="gAAAAnonsense")).status == 404


@pytest.mark.parametrize("text", ["", "nonsense", "gAAAA" + "x" * 200, "é", "x" * 5000])
async def test_what_is_no_token_is_refused(cloud: Any, text: str) -> None:
    reply = await cloud.login("", "", **by_token(text))
    assert reply.status == 401


async def test_a_revoked_token_stays_refused(cloud: Any) -> None:
    assert (await cloud.ask("DELETE /auth/tokens", token=cloud.admin, X_Subject_Token=cloud.demo)).status == 204
    assert not await cloud.works(cloud.demo)
    assert (await cloud.ask("GET /auth/tokens", token=cloud.admin, X_Subject_Token=cloud.demo)).status == 404


async def test_a_rescoped_token_outlives_the_one_it_came_from(cloud: Any) -> None:
    unscoped = await cloud.token("demo", "demo-password", "unscoped")
    rescoped = (await cloud.login("", "", DEMO_SCOPE, **by_token(unscoped))).headers["x-subject-token"]
    assert (await cloud.ask("DELETE /auth/tokens", token=unscoped, X_Subject_Token=unscoped)).status == 204
    assert not await cloud.works(unscoped)
    assert await cloud.works(rescoped)


async def test_a_stranger_cannot_revoke_a_token(cloud: Any) -> None:
    assert (await cloud.ask("DELETE /auth/tokens", token=cloud.demo, X_Subject_Token=cloud.admin)).status == 403
    assert await cloud.works(cloud.admin)


async def test_a_token_ends_with_its_time(cloud: Any) -> None:
    cloud.clock.move(3599 - 1)
    assert await cloud.works(cloud.demo)
    cloud.clock.move(3)
    assert not await cloud.works(cloud.demo)


async def test_disabling_a_user_ends_its_tokens_for_good(cloud: Any) -> None:
    user = await cloud.user("ann")
    token = await cloud.token("ann", "ann-password")
    cloud.clock.move(1)
    await cloud.made(f"PATCH /users/{user['id']}", {"user": {"enabled": False}})
    assert not await cloud.works(token)
    assert (await cloud.login("ann", "ann-password")).status == 401
    await cloud.made(f"PATCH /users/{user['id']}", {"user": {"enabled": True}})
    assert not await cloud.works(token)
    assert (await cloud.login("ann", "ann-password")).status == 201


async def test_disabling_a_project_ends_its_tokens_for_good(cloud: Any) -> None:
    (demo,) = await cloud.made("GET /projects?name=demo")
    cloud.clock.move(1)
    for enabled in (False, True):
        await cloud.made(f"PATCH /projects/{demo['id']}", {"project": {"enabled": enabled}})
        assert not await cloud.works(cloud.demo)


async def test_a_disabled_domain_locks_its_users_out(cloud: Any) -> None:
    domain = await cloud.made("POST /domains", {"domain": {"name": "other"}})
    await cloud.user("ann", domain=domain["id"])
    token = await cloud.token("ann", "ann-password", domain=domain["id"])
    await cloud.made(f"PATCH /domains/{domain['id']}", {"domain": {"enabled": False}})
    assert not await cloud.works(token)
    assert (await cloud.login("ann", "ann-password", domain=domain["id"])).status == 401


async def test_losing_the_last_role_ends_tokens_even_when_it_is_given_again(cloud: Any) -> None:
    project = await cloud.project("shared")
    user = await cloud.user("ann", roles={project["id"]: "member"})
    token = await cloud.token("ann", "ann-password", {"project": {"id": project["id"]}})
    grant = f"/projects/{project['id']}/users/{user['id']}/roles/{await cloud.role('member')}"
    cloud.clock.move(1)
    assert await cloud.status(f"DELETE {grant}") == 204
    assert not await cloud.works(token)
    assert await cloud.status(f"PUT {grant}") == 204
    assert not await cloud.works(token)


async def test_a_token_has_the_roles_of_now_not_of_when_it_was_made(cloud: Any) -> None:
    project = await cloud.project("shared")
    user = await cloud.user("ann", roles={project["id"]: "reader"})
    token = await cloud.token("ann", "ann-password", {"project": {"id": project["id"]}})
    await cloud.status(f"PUT /projects/{project['id']}/users/{user['id']}/roles/{await cloud.role('member')}")
    shown = (await cloud.ask("GET /auth/tokens", token=token, X_Subject_Token=token)).json()["token"]
    assert [role["name"] for role in shown["roles"]] == ["member", "reader"]


async def test_five_wrong_passwords_lock_a_user_for_five_minutes(cloud: Any) -> None:
    for _ in range(5):
        assert (await cloud.login("demo", "wrong")).status == 401
    assert (await cloud.login("demo", "demo-password")).status == 401
    cloud.clock.move(301)
    assert (await cloud.login("demo", "demo-password")).status == 201


async def test_guesses_made_all_at_once_lock_as_well(cloud: Any) -> None:
    cloud.app.passwords = Passwords(cloud.clock, 300)  # as slow as the real ones, for what a guess costs is the point
    await cloud.user("ann")  # whose right password nobody has shown yet, so that every guess waits for its turn
    guesses = ["wrong"] * 12 + ["ann-password"]
    replies = await asyncio.gather(*(cloud.login("ann", guess) for guess in guesses))
    assert {reply.status for reply in replies} == {401}


async def test_a_right_password_in_between_forgives_the_wrong_ones(cloud: Any) -> None:
    for password in ("wrong", "wrong", "wrong", "wrong", "demo-password", "wrong", "demo-password"):
        last = await cloud.login("demo", password)
    assert last.status == 201


async def test_tokens_outlive_a_rotation_of_keys_but_not_the_loss_of_theirs(cloud: Any) -> None:
    await cloud.app.rotate_keys()
    assert await cloud.works(cloud.demo)
    for _ in range(3):
        await cloud.app.rotate_keys()
    assert not await cloud.works(cloud.demo)


async def test_where_a_user_could_go_is_listed(cloud: Any) -> None:
    assert [project["name"] for project in await cloud.made("GET /auth/projects", token=cloud.demo)] == ["demo"]
    assert await cloud.made("GET /auth/domains", token=cloud.demo) == []
    assert await cloud.made("GET /auth/system", token=cloud.demo) == []
    assert await cloud.made("GET /auth/system") == [{"all": True}]
    assert [domain["id"] for domain in await cloud.made("GET /auth/domains")] == ["default"]
    assert {entry["type"] for entry in await cloud.made("GET /auth/catalog", token=cloud.demo)} >= {"compute", "image"}


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"identity": {"methods": []}},
        {"identity": {"methods": ["password"]}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "demo", "password": "x"}}}},
        {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"project": {"name": "demo"}}},
        {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": "everything"},
    ],
)
async def test_half_a_question_is_a_bad_request(cloud: Any, auth: Any) -> None:
    assert (await cloud.ask("POST /auth/tokens", {"auth": auth})).status == 400


async def test_other_services_learn_from_the_api_whose_token_it_is(cloud: Any) -> None:
    check = TokenCheck(ServiceClient(InProcess(make_edge(cloud.app).asgi, "/identity")), cloud.clock)
    identity = await check.identify(cloud.demo)
    assert identity is not None
    assert (identity.user_name, identity.project_name, identity.roles) == ("demo", "demo", {"member", "reader"})
    assert await check.identify("nonsense") is None


async def test_the_root_lists_the_versions(cloud: Any) -> None:
    root = await cloud.client.request("GET", "/")
    assert root.status == 300
    (version,) = root.json()["versions"]["values"]
    assert version["links"][0]["href"] == "http://cloud.example:8774/identity/v3/"
    assert (await cloud.ask("GET ")).json()["version"]["status"] == "stable"
