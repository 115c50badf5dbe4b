"""Application credentials: what they may, what they may not, and when they end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


async def demo_id(cloud: Any) -> str:
    shown = await cloud.ask("GET /auth/tokens", token=cloud.demo, X_Subject_Token=cloud.demo)
    return str(shown.json()["token"]["user"]["id"])


async def make(cloud: Any, **more: Any) -> Any:
    path = f"POST /users/{await demo_id(cloud)}/application_credentials"
    return await cloud.made(path, {"application_credential": {"name": "robot", **more}}, token=cloud.demo)


async def login(cloud: Any, credential: Any, **more: Any) -> Any:
    proof = {"id": credential["id"], "secret": credential["secret"], **more}
    return await cloud.login("", "", methods=["application_credential"], application_credential=proof)


async def test_a_credential_gives_a_token_on_its_project_with_its_roles(cloud: Any) -> None:
    credential = await make(cloud, roles=[{"name": "reader"}])
    reply = await login(cloud, credential)
    token = reply.json()["token"]
    assert reply.status == 201
    assert token["project"]["name"] == "demo"
    assert [role["name"] for role in token["roles"]] == ["reader"]
    assert token["methods"] == ["application_credential"]
    assert token["application_credential"] == {"id": credential["id"], "name": "robot", "restricted": True}
    assert (await login(cloud, {**credential, "secret": "wrong"})).status == 401


async def test_the_secret_is_shown_once_and_names_are_taken_once(cloud: Any) -> None:
    credential = await make(cloud)
    path = f"/users/{await demo_id(cloud)}/application_credentials"
    assert "secret" not in await cloud.made(f"GET {path}/{credential['id']}", token=cloud.demo)
    assert await cloud.status(f"POST {path}", {"application_credential": {"name": "robot"}}, token=cloud.demo) == 409
    assert [known["name"] for known in await cloud.made(f"GET {path}?name=robot", token=cloud.demo)] == ["robot"]
    assert await cloud.status(f"DELETE {path}/{credential['id']}", token=cloud.demo) == 204
    assert (await login(cloud, credential)).status == 401


async def test_no_credential_has_more_than_its_maker(cloud: Any) -> None:
    path = f"POST /users/{await demo_id(cloud)}/application_credentials"
    body = {"application_credential": {"name": "robot", "roles": [{"name": "admin"}]}}
    assert await cloud.status(path, body, token=cloud.demo) == 400
    assert await cloud.status(path, {"application_credential": {"name": "robot"}}) == 403


async def test_a_restricted_credential_makes_no_others_and_no_wider_tokens(cloud: Any) -> None:
    user = await demo_id(cloud)
    token = (await login(cloud, await make(cloud))).headers["x-subject-token"]
    path = f"POST /users/{user}/application_credentials"
    assert await cloud.status(path, {"application_credential": {"name": "second"}}, token=token) == 403
    assert (await cloud.login("", "", methods=["token"], token={"id": token})).status == 403
    free = (await login(cloud, await make(cloud, name="free", unrestricted=True))).headers["x-subject-token"]
    assert await cloud.status(path, {"application_credential": {"name": "second"}}, token=free) == 201


async def test_a_credential_ends_with_its_time(cloud: Any) -> None:
    expires = datetime.fromtimestamp(cloud.clock.now + 600, UTC).replace(tzinfo=None).isoformat()
    credential = await make(cloud, expires_at=expires)
    reply = await login(cloud, credential)
    assert reply.json()["token"]["expires_at"].startswith(expires[:19])
    cloud.clock.move(601)
    assert (await login(cloud, credential)).status == 401
    assert not await cloud.works(reply.headers["x-subject-token"])


async def test_a_time_that_is_over_or_no_time_is_a_bad_request(cloud: Any) -> None:
    path = f"POST /users/{await demo_id(cloud)}/application_credentials"
    for expires in ("2001-01-01T00:00:00", "soon"):
        body = {"application_credential": {"name": "robot", "expires_at": expires}}
        assert await cloud.status(path, body, token=cloud.demo) == 400


async def test_credentials_end_with_the_role_they_stand_on(cloud: Any) -> None:
    credential = await make(cloud)
    token = (await login(cloud, credential)).headers["x-subject-token"]
    (demo,) = await cloud.made("GET /projects?name=demo")
    grant = f"/projects/{demo['id']}/users/{await demo_id(cloud)}/roles/{await cloud.role('member')}"
    assert await cloud.status(f"DELETE {grant}") == 204
    assert not await cloud.works(token)
    assert (await login(cloud, credential)).status == 401


async def test_access_rules_allow_what_they_name_and_nothing_else(cloud: Any) -> None:
    rule = {"service": "identity", "method": "GET", "path": "/v3/auth/*"}
    credential = await make(cloud, access_rules=[rule])
    token = (await login(cloud, credential)).headers["x-subject-token"]
    assert await cloud.status("GET /auth/projects", token=token) == 200
    assert await cloud.status("GET /regions", token=token) == 401
    show = "GET /auth/tokens?nocatalog"
    unaware = await cloud.ask(show, token=cloud.admin, X_Subject_Token=token)
    aware = await cloud.ask(show, token=token, X_Subject_Token=token, OpenStack_Identity_Access_Rules="1.0")
    assert unaware.status == 404
    (shown,) = aware.json()["token"]["application_credential"]["access_rules"]
    assert {name: shown[name] for name in rule} == rule


async def test_a_rule_in_use_cannot_be_deleted(cloud: Any) -> None:
    credential = await make(cloud, access_rules=[{"service": "compute", "method": "GET", "path": "/v2.1/servers"}])
    user = await demo_id(cloud)
    (rule,) = await cloud.made(f"GET /users/{user}/access_rules", token=cloud.demo)
    path = f"/users/{user}/access_rules/{rule['id']}"
    assert await cloud.status(f"DELETE {path}", token=cloud.demo) == 403
    await cloud.status(f"DELETE /users/{user}/application_credentials/{credential['id']}", token=cloud.demo)
    assert await cloud.status(f"DELETE {path}", token=cloud.demo) == 204
    assert await cloud.status(f"GET {path}", token=cloud.demo) == 404


async def test_nobody_reads_another_users_credentials_but_an_admin(cloud: Any) -> None:
    credential = await make(cloud)
    await cloud.user("eve")
    eve = await cloud.token("eve", "eve-password")
    path = f"GET /users/{await demo_id(cloud)}/application_credentials/{credential['id']}"
    assert await cloud.status(path, token=eve) == 403
    assert await cloud.status(path) == 200


async def test_a_token_with_access_rules_can_be_revoked(cloud: Any) -> None:
    credential = await make(cloud, access_rules=[{"service": "identity", "method": "GET", "path": "/v3/auth/projects"}])
    token = (await login(cloud, credential)).headers["x-subject-token"]
    assert await cloud.works(token)
    assert (await cloud.ask("DELETE /auth/tokens", token=cloud.demo, X_Subject_Token=token)).status == 204
    assert not await cloud.works(token)
