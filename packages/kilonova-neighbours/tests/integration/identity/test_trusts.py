"""Trusts: acting with somebody's roles, as that somebody or as oneself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest


@pytest.fixture
async def pair(cloud: Any) -> dict[str, Any]:
    """Ann has a role on a project, and Bob has nothing."""
    project = await cloud.project("hers")
    ann, bob = await cloud.user("ann", roles={project["id"]: "member"}), await cloud.user("bob")
    return {
        "project": project["id"],
        "ann": ann["id"],
        "bob": bob["id"],
        "ann_token": await cloud.token("ann", "ann-password", {"project": {"id": project["id"]}}),
        "bob_token": await cloud.token("bob", "bob-password"),
    }


async def trust(cloud: Any, pair: dict[str, Any], **more: Any) -> Any:
    body = {
        "trustor_user_id": pair["ann"],
        "trustee_user_id": pair["bob"],
        "project_id": pair["project"],
        "impersonation": True,
        "roles": [{"name": "member"}],
        **more,
    }
    return await cloud.ask("POST /OS-TRUST/trusts", {"trust": body}, token=pair["ann_token"])


async def use(cloud: Any, made: Any) -> Any:
    return await cloud.login("bob", "bob-password", {"OS-TRUST:trust": {"id": made.json()["trust"]["id"]}})


async def test_with_impersonation_the_trustee_is_the_trustor(cloud: Any, pair: dict[str, Any]) -> None:
    token = (await use(cloud, await trust(cloud, pair))).json()["token"]
    assert token["user"]["id"] == pair["ann"]
    assert token["project"]["id"] == pair["project"]
    assert token["OS-TRUST:trust"]["trustee_user"]["id"] == pair["bob"]
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}


async def test_without_impersonation_the_trustee_stays_itself(cloud: Any, pair: dict[str, Any]) -> None:
    token = (await use(cloud, await trust(cloud, pair, impersonation=False))).json()["token"]
    assert token["user"]["id"] == pair["bob"]
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}


async def test_only_the_trustee_can_use_a_trust_and_only_the_trustor_make_it(cloud: Any, pair: dict[str, Any]) -> None:
    made = await trust(cloud, pair)
    scope = {"OS-TRUST:trust": {"id": made.json()["trust"]["id"]}}
    assert (await cloud.login("demo", "demo-password", scope)).status == 403
    body = {"trustor_user_id": pair["ann"], "trustee_user_id": pair["bob"], "impersonation": True}
    assert await cloud.status("POST /OS-TRUST/trusts", {"trust": body}, token=pair["bob_token"]) == 403


async def test_nobody_trusts_away_what_is_not_theirs(cloud: Any, pair: dict[str, Any]) -> None:
    assert (await trust(cloud, pair, roles=[{"name": "admin"}])).status == 403
    assert (await trust(cloud, pair, roles=[])).status == 403
    assert (await trust(cloud, pair, expires_at="bad.123Z")).status == 400
    assert (await trust(cloud, pair, trustee_user_id="missing")).status == 404


async def test_a_trust_is_used_up(cloud: Any, pair: dict[str, Any]) -> None:
    made = await trust(cloud, pair, remaining_uses=1)
    assert (await use(cloud, made)).status == 201
    assert (await use(cloud, made)).status == 401


async def test_a_trust_ends_with_its_time_and_with_its_deletion(cloud: Any, pair: dict[str, Any]) -> None:
    expires = datetime.fromtimestamp(cloud.clock.now + 60, UTC).isoformat()
    made = await trust(cloud, pair, expires_at=expires)
    token = (await use(cloud, made)).headers["x-subject-token"]
    path = f"/OS-TRUST/trusts/{made.json()['trust']['id']}"
    cloud.clock.move(61)
    assert not await cloud.works(token)
    assert await cloud.status(f"GET {path}", token=pair["ann_token"]) == 404
    other = await trust(cloud, pair)
    token = (await use(cloud, other)).headers["x-subject-token"]
    path = f"/OS-TRUST/trusts/{other.json()['trust']['id']}"
    assert await cloud.status(f"DELETE {path}", token=pair["bob_token"]) == 403
    assert await cloud.status(f"DELETE {path}", token=pair["ann_token"]) == 204
    assert not await cloud.works(token)


async def test_a_trustor_who_lost_the_role_can_lend_it_no_more(cloud: Any, pair: dict[str, Any]) -> None:
    made = await trust(cloud, pair)
    token = (await use(cloud, made)).headers["x-subject-token"]
    grant = f"/projects/{pair['project']}/users/{pair['ann']}/roles"
    await cloud.status(f"PUT {grant}/{await cloud.role('reader')}")
    await cloud.status(f"DELETE {grant}/{await cloud.role('member')}")
    assert (await use(cloud, made)).status == 403
    assert not await cloud.works(token)


async def test_a_trust_is_handed_on_only_where_it_says_so(cloud: Any, pair: dict[str, Any]) -> None:
    for allowed, status in ((False, 403), (True, 201)):
        made = await trust(cloud, pair, allow_redelegation=allowed)
        token = (await use(cloud, made)).headers["x-subject-token"]
        again = await trust(cloud, {**pair, "ann_token": token}, trustee_user_id=pair["ann"])
        assert again.status == status
    assert again.json()["trust"]["redelegated_trust_id"] == made.json()["trust"]["id"]


async def test_a_token_of_a_trust_cannot_be_widened(cloud: Any, pair: dict[str, Any]) -> None:
    token = (await use(cloud, await trust(cloud, pair))).headers["x-subject-token"]
    assert (await cloud.login("", "", methods=["token"], token={"id": token})).status == 403
    path = f"POST /users/{pair['ann']}/application_credentials"
    assert await cloud.status(path, {"application_credential": {"name": "x"}}, token=token) == 403


async def test_trusts_are_listed_for_their_two_sides(cloud: Any, pair: dict[str, Any]) -> None:
    made = (await trust(cloud, pair)).json()["trust"]
    path = f"/OS-TRUST/trusts/{made['id']}"
    found = await cloud.made(f"GET /OS-TRUST/trusts?trustee_user_id={pair['bob']}", token=pair["bob_token"])
    assert [known["id"] for known in found] == [made["id"]]
    assert await cloud.status("GET /OS-TRUST/trusts", token=pair["bob_token"]) == 403
    assert await cloud.status("GET /OS-TRUST/trusts") == 200
    assert await cloud.status(f"GET {path}", token=cloud.demo) == 403
    assert [role["name"] for role in await cloud.made(f"GET {path}/roles", token=pair["bob_token"])] == ["member"]
    assert await cloud.status(f"GET {path}/roles/{await cloud.role('member')}", token=pair["bob_token"]) == 200
    assert await cloud.status(f"GET {path}/roles/{await cloud.role('admin')}", token=pair["bob_token"]) == 404


async def handed_on(cloud: Any, pair: dict[str, Any], made: Any, **more: Any) -> Any:
    """A trust from the trustor to a third one, made by the trustee with the trust's token."""
    token = (await use(cloud, made)).headers["x-subject-token"]
    body = {"trustee_user_id": pair["ann"], **more}
    return await trust(cloud, {**pair, "ann_token": token}, **body)


def after(cloud: Any, seconds: float) -> str:
    return datetime.fromtimestamp(cloud.clock.now + seconds, UTC).isoformat()


async def test_what_is_handed_on_lives_no_longer_than_what_was_given(cloud: Any, pair: dict[str, Any]) -> None:
    made = await trust(cloud, pair, allow_redelegation=True, expires_at=after(cloud, 60))
    assert (await handed_on(cloud, pair, made, expires_at=after(cloud, 600))).status == 403
    assert (await handed_on(cloud, pair, made, expires_at=after(cloud, 30))).status == 201
    same = (await handed_on(cloud, pair, made)).json()["trust"]
    assert same["expires_at"] == made.json()["trust"]["expires_at"]


async def test_uses_that_are_counted_are_not_handed_on(cloud: Any, pair: dict[str, Any]) -> None:
    made = await trust(cloud, pair, allow_redelegation=True, remaining_uses=2)
    assert (await handed_on(cloud, pair, made)).status == 403
    made = await trust(cloud, pair, allow_redelegation=True)
    assert (await handed_on(cloud, pair, made, remaining_uses=5)).status == 403


async def test_only_the_trusted_project_is_handed_on(cloud: Any, pair: dict[str, Any]) -> None:
    other = await cloud.project("another of hers")
    member = await cloud.role("member")
    assert await cloud.status(f"PUT /projects/{other['id']}/users/{pair['ann']}/roles/{member}") == 204
    made = await trust(cloud, pair, allow_redelegation=True)
    assert (await handed_on(cloud, pair, made, project_id=other["id"])).status == 403
    assert (await handed_on(cloud, pair, made)).status == 201


async def test_what_a_user_handed_on_goes_with_the_user(cloud: Any, pair: dict[str, Any]) -> None:
    third = await cloud.user("third")
    made = await trust(cloud, pair, allow_redelegation=True)
    second = (await handed_on(cloud, pair, made, trustee_user_id=third["id"])).json()["trust"]
    assert await cloud.status(f"DELETE /users/{pair['bob']}") == 204
    assert await cloud.status(f"GET /OS-TRUST/trusts/{second['id']}") == 404
