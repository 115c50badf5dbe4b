"""Users and groups: made, read, changed; what a user may do with itself."""

from __future__ import annotations

from typing import Any

import pytest


async def me(cloud: Any) -> str:
    shown = await cloud.ask("GET /auth/tokens", token=cloud.demo, X_Subject_Token=cloud.demo)
    return str(shown.json()["token"]["user"]["id"])


async def test_a_user_keeps_attributes_that_the_api_does_not_know(cloud: Any) -> None:
    user = await cloud.user("ann", email="ann@example.org", favourite={"colour": "blue"})
    shown = await cloud.made(f"GET /users/{user['id']}")
    assert shown["email"] == "ann@example.org"
    assert shown["favourite"] == {"colour": "blue"}
    assert "password" not in shown
    assert shown["links"]["self"] == f"http://cloud.example:8774/identity/v3/users/{user['id']}"
    changed = await cloud.made(f"PATCH /users/{user['id']}", {"user": {"email": "new@example.org"}})
    assert changed["email"] == "new@example.org"
    assert changed["favourite"] == {"colour": "blue"}


async def test_two_users_of_a_domain_cannot_share_a_name(cloud: Any) -> None:
    reply = await cloud.ask("POST /users", {"user": {"name": "demo"}}, token=cloud.admin)
    assert reply.status == 409
    assert "Duplicate entry found with name demo at domain ID default" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "user", [{}, {"name": ""}, {"name": "x" * 256}, {"name": "a", "enabled": "true"}, {"name": "a", "password": 5}]
)
async def test_a_malformed_user_is_a_bad_request(cloud: Any, user: Any) -> None:
    assert await cloud.status("POST /users", {"user": user}) == 400


async def test_users_are_filtered_by_name_and_state(cloud: Any) -> None:
    await cloud.user("ann", enabled=False)
    await cloud.user("anton")
    names = [user["name"] for user in await cloud.made("GET /users?name__startswith=an")]
    assert names == ["ann", "anton"]
    assert [user["name"] for user in await cloud.made("GET /users?enabled=false")] == ["ann"]
    assert await cloud.made("GET /users?name=nobody") == []


async def test_a_user_reads_itself_but_nobody_else(cloud: Any) -> None:
    own, other = await me(cloud), await cloud.user("ann")
    assert await cloud.status(f"GET /users/{own}", token=cloud.demo) == 200
    assert await cloud.status(f"GET /users/{other['id']}", token=cloud.demo) == 403
    assert await cloud.status("GET /users/00000000000000000000000000000000", token=cloud.demo) == 403
    assert await cloud.status("GET /users/00000000000000000000000000000000") == 404
    assert await cloud.status("GET /users", token=cloud.demo) == 403
    assert await cloud.status(f"GET /users/{own}/projects", token=cloud.demo) == 200
    assert await cloud.status(f"GET /users/{other['id']}/projects", token=cloud.demo) == 403


async def test_a_new_password_ends_the_tokens_of_the_old_one(cloud: Any) -> None:
    own = await me(cloud)
    cloud.clock.move(1)
    body = {"user": {"original_password": "demo-password", "password": "better"}}
    assert await cloud.status(f"POST /users/{own}/password", body, token=None) == 204
    assert not await cloud.works(cloud.demo)
    assert (await cloud.login("demo", "demo-password")).status == 401
    assert (await cloud.login("demo", "better")).status == 201


async def test_the_original_password_must_be_right(cloud: Any) -> None:
    body = {"user": {"original_password": "wrong", "password": "better"}}
    assert await cloud.status(f"POST /users/{await me(cloud)}/password", body, token=None) == 401
    assert await cloud.works(cloud.demo)


async def test_a_deleted_user_is_gone_with_its_tokens_and_grants(cloud: Any) -> None:
    project = await cloud.project("shared")
    user = await cloud.user("ann", roles={project["id"]: "member"})
    token = await cloud.token("ann", "ann-password")
    assert await cloud.status(f"DELETE /users/{user['id']}") == 204
    assert not await cloud.works(token)
    assert await cloud.made(f"GET /role_assignments?scope.project.id={project['id']}") == []
    assert await cloud.status(f"DELETE /users/{user['id']}") == 404


async def test_a_default_project_cannot_be_a_domain(cloud: Any) -> None:
    assert await cloud.status("POST /users", {"user": {"name": "ann", "default_project_id": "default"}}) == 400


async def test_a_group_brings_its_members_roles(cloud: Any) -> None:
    project, user = await cloud.project("shared"), await cloud.user("ann")
    group = await cloud.made("POST /groups", {"group": {"name": "friends"}})
    grant = f"/projects/{project['id']}/groups/{group['id']}/roles/{await cloud.role('member')}"
    member = f"/groups/{group['id']}/users/{user['id']}"
    scope = {"project": {"id": project["id"]}}
    assert await cloud.status(f"PUT {grant}") == 204
    assert (await cloud.login("ann", "ann-password", scope)).status == 401
    assert await cloud.status(f"PUT {member}") == 204
    token = await cloud.token("ann", "ann-password", scope)
    assert [known["id"] for known in await cloud.made(f"GET /groups/{group['id']}/users")] == [user["id"]]
    assert [known["name"] for known in await cloud.made(f"GET /users/{user['id']}/groups")] == ["friends"]
    assert await cloud.status(f"HEAD {member}") == 204
    assert await cloud.status(f"DELETE {member}") == 204
    assert await cloud.status(f"HEAD {member}") == 404
    assert not await cloud.works(token)


async def test_a_group_is_changed_and_deleted(cloud: Any) -> None:
    group = await cloud.made("POST /groups", {"group": {"name": "friends", "colour": "red"}})
    changed = await cloud.made(f"PATCH /groups/{group['id']}", {"group": {"name": "fiends", "description": "d"}})
    assert (changed["name"], changed["description"], changed["colour"]) == ("fiends", "d", "red")
    assert await cloud.status("POST /groups", {"group": {"name": "fiends"}}) == 409
    assert await cloud.status(f"DELETE /groups/{group['id']}") == 204
    assert await cloud.status(f"GET /groups/{group['id']}") == 404


async def test_a_domain_manager_rules_the_own_domain_only(cloud: Any) -> None:
    domain = await cloud.made("POST /domains", {"domain": {"name": "theirs"}})
    boss = await cloud.user("boss", domain=domain["id"])
    await cloud.status(f"PUT /domains/{domain['id']}/users/{boss['id']}/roles/{await cloud.role('manager')}")
    token = await cloud.token("boss", "boss-password", {"domain": {"id": domain["id"]}}, domain=domain["id"])
    ann = await cloud.made("POST /users", {"user": {"name": "ann"}}, token=token)
    assert ann["domain_id"] == domain["id"]
    project = await cloud.made("POST /projects", {"project": {"name": "p"}}, token=token)
    grant = f"/projects/{project['id']}/users/{ann['id']}/roles"
    assert await cloud.status(f"PUT {grant}/{await cloud.role('member')}", token=token) == 204
    assert await cloud.status(f"PUT {grant}/{await cloud.role('admin')}", token=token) == 403
    assert await cloud.status("POST /users", {"user": {"name": "x", "domain_id": "default"}}, token=token) == 403
    assert await cloud.status(f"DELETE /users/{await me(cloud)}", token=token) == 403
    assert {user["name"] for user in await cloud.made("GET /users", token=token)} == {"boss", "ann"}
    assert [known["id"] for known in await cloud.made("GET /domains", token=token)] == [domain["id"]]
    listed = await cloud.made("GET /role_assignments", token=token)
    assert {next(iter(item["scope"].values()))["id"] for item in listed} == {domain["id"], project["id"]}


async def test_a_domain_manager_gathers_users_of_the_own_domain_only(cloud: Any) -> None:
    domain = await cloud.made("POST /domains", {"domain": {"name": "theirs"}})
    boss = await cloud.user("boss", domain=domain["id"])
    await cloud.status(f"PUT /domains/{domain['id']}/users/{boss['id']}/roles/{await cloud.role('manager')}")
    token = await cloud.token("boss", "boss-password", {"domain": {"id": domain["id"]}}, domain=domain["id"])
    group = await cloud.made("POST /groups", {"group": {"name": "g"}}, token=token)
    path = f"/groups/{group['id']}/users"
    stranger = await me(cloud)
    assert await cloud.status(f"PUT {path}/{boss['id']}", token=token) == 204
    for method in ("PUT", "HEAD", "DELETE"):
        assert await cloud.status(f"{method} {path}/{stranger}", token=token) == 403
        assert await cloud.status(f"{method} {path}/missing", token=token) == 403
    assert await cloud.status(f"PUT {path}/{stranger}") == 204
