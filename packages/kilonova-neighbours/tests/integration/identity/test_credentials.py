"""Credentials, EC2 keys, policy documents, consumers."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest


async def demo_id(cloud: Any) -> str:
    shown = await cloud.ask("GET /auth/tokens", token=cloud.demo, X_Subject_Token=cloud.demo)
    return str(shown.json()["token"]["user"]["id"])


async def test_a_credential_belongs_to_its_user(cloud: Any) -> None:
    body = {"credential": {"type": "cert", "blob": "very secret"}}
    made = await cloud.made("POST /credentials", body, token=cloud.demo)
    path = f"/credentials/{made['id']}"
    await cloud.user("eve")
    eve = await cloud.token("eve", "eve-password")
    assert (await cloud.made(f"GET {path}", token=cloud.demo))["blob"] == "very secret"
    assert await cloud.status(f"GET {path}", token=eve) == 403
    assert await cloud.made("GET /credentials", token=eve) == []
    assert await cloud.status(f"PATCH {path}", {"credential": {"blob": "x"}}, token=eve) == 403
    assert await cloud.status(f"PATCH {path}", {"credential": {"type": "x"}}, token=cloud.demo) == 400
    assert (await cloud.made(f"PATCH {path}", {"credential": {"blob": "new"}}, token=cloud.demo))["blob"] == "new"
    body = {"credential": {"type": "cert", "blob": "x", "user_id": await demo_id(cloud)}}
    assert await cloud.status("POST /credentials", body, token=eve) == 403
    assert await cloud.status(f"DELETE {path}", token=cloud.demo) == 204
    assert await cloud.status(f"GET {path}") == 404


async def test_blobs_are_not_readable_in_the_database(cloud: Any, tmp_path: Path) -> None:
    await cloud.made("POST /credentials", {"credential": {"type": "cert", "blob": "very secret"}})
    database = sqlite3.connect(tmp_path / "identity" / "identity.db")
    (blob,) = database.execute("SELECT blob FROM identity_credentials").fetchone()
    database.close()
    assert "very secret" not in blob


async def test_ec2_keys_are_made_for_oneself_on_the_own_project(cloud: Any) -> None:
    user = await demo_id(cloud)
    (demo,) = await cloud.made("GET /projects?name=demo")
    (admin,) = await cloud.made("GET /projects?name=admin")
    path = f"/users/{user}/credentials/OS-EC2"
    key = await cloud.made(f"POST {path}", {"tenant_id": demo["id"]}, token=cloud.demo)
    assert (await cloud.made(f"GET {path}/{key['access']}", token=cloud.demo))["secret"] == key["secret"]
    assert [known["access"] for known in await cloud.made(f"GET {path}", token=cloud.demo)] == [key["access"]]
    assert await cloud.status(f"POST {path}", {"tenant_id": admin["id"]}, token=cloud.demo) == 403
    assert await cloud.status(f"DELETE {path}/{key['access']}", token=cloud.demo) == 204
    assert await cloud.status(f"GET {path}/{key['access']}", token=cloud.demo) == 404
    assert await cloud.status("POST /credentials", {"credential": {"type": "ec2", "blob": "no json"}}) == 400


async def test_policy_documents_and_consumers_are_kept(cloud: Any) -> None:
    policy = await cloud.made("POST /policies", {"policy": {"type": "text", "blob": {"a": 1}, "extra": "x"}})
    path = f"/policies/{policy['id']}"
    assert (await cloud.made(f"PATCH {path}", {"policy": {"type": "json"}}))["blob"] == {"a": 1}
    assert await cloud.status(f"DELETE {path}") == 204
    assert await cloud.status(f"GET {path}") == 404
    consumer = await cloud.made("POST /OS-OAUTH1/consumers", {"consumer": {"description": "d"}})
    path = f"/OS-OAUTH1/consumers/{consumer['id']}"
    assert consumer["secret"]
    assert "secret" not in await cloud.made(f"GET {path}")
    assert (await cloud.made(f"PATCH {path}", {"consumer": {"description": "e"}}))["description"] == "e"
    assert await cloud.status(f"DELETE {path}") == 204
    assert await cloud.status(f"GET {path}") == 404


@pytest.mark.parametrize("blob", ["no json", "[]", '{"secret": "s"}', '{"access": "another", "secret": "s"}'])
async def test_an_ec2_key_stays_one(cloud: Any, blob: str) -> None:
    user = await demo_id(cloud)
    (demo,) = await cloud.made("GET /projects?name=demo")
    path = f"/users/{user}/credentials/OS-EC2"
    key = await cloud.made(f"POST {path}", {"tenant_id": demo["id"]}, token=cloud.demo)
    (credential,) = await cloud.made("GET /credentials?type=ec2", token=cloud.demo)
    change = f"PATCH /credentials/{credential['id']}"
    assert await cloud.status(change, {"credential": {"blob": blob}}, token=cloud.demo) == 400
    assert [known["secret"] for known in await cloud.made(f"GET {path}", token=cloud.demo)] == [key["secret"]]
    new = json.dumps({"access": key["access"], "secret": "new", "trust_id": None})
    assert await cloud.status(change, {"credential": {"blob": new}}, token=cloud.demo) == 200
    assert [known["secret"] for known in await cloud.made(f"GET {path}", token=cloud.demo)] == ["new"]


async def test_what_an_ec2_key_stands_for_cannot_be_changed(cloud: Any) -> None:
    (demo,) = await cloud.made("GET /projects?name=demo")
    blob = {"access": "a", "secret": "s", "trust_id": "t"}
    body = {"credential": {"type": "ec2", "blob": json.dumps(blob), "project_id": demo["id"]}}
    made = await cloud.made("POST /credentials", body, token=cloud.demo)
    for change in ({"trust_id": None}, {"app_cred_id": "x"}):
        body = {"credential": {"blob": json.dumps(blob | change)}}
        assert await cloud.status(f"PATCH /credentials/{made['id']}", body, token=cloud.demo) == 400
