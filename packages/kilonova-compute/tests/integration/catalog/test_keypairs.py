"""Key pairs, talked through."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, pkcs12
from kilonova_compute.app.key_material import fingerprint_of

KEY = (
    "ssh-ed25519 "
    + base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00 " + bytes(range(32))).decode()
    + " me@here"
)


async def made(cloud: Any, name: str = "mine", version: str = "2.2", role: str = "member", **more: Any) -> Any:
    return await cloud.ask("POST", "/os-keypairs", {"keypair": {"name": name, **more}}, role=role, version=version)


async def test_a_given_key_is_kept_shown_and_forgotten(cloud: Any) -> None:
    reply = await made(cloud, public_key=KEY)
    assert reply.status == 201
    assert reply.json()["keypair"]["type"] == "ssh"
    shown = (await cloud.get("/os-keypairs/mine", role="member", version="2.2"))["keypair"]
    assert shown["public_key"] == KEY
    assert len(shown["fingerprint"].split(":")) == 16
    assert {"id", "created_at", "deleted", "deleted_at", "updated_at", "user_id"} <= shown.keys()
    assert (await cloud.ask("DELETE", "/os-keypairs/mine", role="member", version="2.2")).status == 204
    gone = await cloud.ask("GET", "/os-keypairs/mine", role="member")
    assert gone.json()["itemNotFound"]["message"] == "Keypair mine not found for user the-member"


async def test_the_oldest_version_answers_with_its_own_codes_and_no_type(cloud: Any) -> None:
    reply = await made(cloud, version="2.1", public_key=KEY)
    assert (reply.status, "type" in reply.json()["keypair"]) == (200, False)
    assert (await cloud.ask("DELETE", "/os-keypairs/mine", role="member")).status == 202


async def test_a_made_key_is_given_away_once(cloud: Any) -> None:
    pair = (await made(cloud)).json()["keypair"]
    key = load_pem_private_key(pair["private_key"].encode(), None)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert pair["public_key"] == f"{public} Generated-by-Nova"
    assert "private_key" not in (await cloud.get("/os-keypairs/mine", role="member"))["keypair"]


async def test_a_made_certificate_comes_with_its_key(cloud: Any) -> None:
    pair = (await made(cloud, type="x509")).json()["keypair"]
    _, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(pair["private_key"]), None)
    assert certificate is not None
    assert fingerprint_of("x509", pair["public_key"]) == pair["fingerprint"]
    again = await made(cloud, "given", type="x509", public_key=pair["public_key"])
    assert again.json()["keypair"]["fingerprint"] == pair["fingerprint"]


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())])
async def test_keys_of_all_kinds_are_taken(cloud: Any, key: Any) -> None:
    text = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert (await made(cloud, public_key=text)).status == 201


@pytest.mark.parametrize("key", ["", "ssh-rsa", "ssh-rsa AAAA", "hello world", "ssh-rsa ÄÖÜ"])
async def test_what_is_no_key_is_refused(cloud: Any, key: str) -> None:
    reply = await made(cloud, public_key=key)
    assert (reply.status, reply.json()["badRequest"]["message"]) == (
        400, "Keypair data is invalid: failed to generate fingerprint",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("version", "name", "status"),
    [
        ("2.2", "a.b", 400), ("2.2", "a b", 201), ("2.2", " a", 400), ("2.2", "", 400), ("2.2", "x" * 256, 400),
        ("2.92", "a.b@c", 201), ("2.92", "a/b", 400),
    ],
)  # fmt: skip
async def test_names_have_rules(cloud: Any, version: str, name: str, status: int) -> None:
    assert (await made(cloud, name, version=version, public_key=KEY)).status == status


async def test_no_keys_are_made_from_2_92_on(cloud: Any) -> None:
    assert (await made(cloud, version="2.91")).status == 201
    assert (await made(cloud, "other", version="2.92")).status == 400


async def test_a_name_is_taken_once_by_each_user(cloud: Any) -> None:
    await made(cloud, public_key=KEY)
    reply = await made(cloud, public_key=KEY)
    assert reply.json()["conflictingRequest"]["message"] == "Key pair 'mine' already exists."
    assert (await made(cloud, role="stranger", public_key=KEY)).status == 201


async def test_lists_are_paged_from_2_35_on(cloud: Any) -> None:
    for name in ("c", "a", "b"):
        await made(cloud, name, public_key=KEY)

    async def names(query: str, version: str) -> list[str]:
        page = await cloud.get(f"/os-keypairs{query}", role="member", version=version)
        return [one["keypair"]["name"] for one in page["keypairs"]]

    assert await names("", "2.35") == ["a", "b", "c"]
    assert await names("?limit=1&marker=a", "2.35") == ["b"]
    assert await names("?limit=1", "2.34") == ["a", "b", "c"]
    assert (await cloud.ask("GET", "/os-keypairs?marker=z", role="member", version="2.35")).status == 400
    page = await cloud.get("/os-keypairs?limit=2", role="member", version="2.35")
    assert page["keypairs_links"][0]["href"].endswith("limit=2&marker=b")


async def test_administrators_see_to_others_keys_from_2_10_on(cloud: Any) -> None:
    reply = await made(cloud, role="admin", version="2.10", public_key=KEY, user_id="the-member")
    assert reply.json()["keypair"]["user_id"] == "the-member"
    found = await cloud.get("/os-keypairs?user_id=the-member", version="2.10")
    assert len(found["keypairs"]) == 1
    assert (await made(cloud, version="2.10", public_key=KEY, user_id="the-admin")).status == 403
    assert (await cloud.ask("GET", "/os-keypairs?user_id=the-admin", role="member", version="2.10")).status == 403
    assert (await cloud.get("/os-keypairs?user_id=the-member", version="2.9"))["keypairs"] == []


async def test_a_user_has_so_many_and_no_more(cloud: Any) -> None:
    await cloud.ask("PUT", "/os-quota-sets/home", {"quota_set": {"key_pairs": 1}})
    await made(cloud, public_key=KEY)
    reply = await made(cloud, "second", public_key=KEY)
    assert reply.json()["forbidden"]["message"] == "Quota exceeded, too many key pairs."
