"""The metadata service over its unix socket."""

import asyncio

import httpx
import pytest
from kilonova_agent.metadata.service import MetadataService
from kilonova_messages.wishes import GuestMetadata

GUEST = GuestMetadata(server_id="s1", name="one", hostname="one", project_id="p", user_data=b"#!/bin/sh\n")
HEADERS = {"X-Kilonova-Network": "n1", "X-Forwarded-For": "10.0.0.5"}


@pytest.fixture
def kept():
    return []


@pytest.fixture
async def client(tmp_path, kept):
    async def lookup(network_id, address):
        return GUEST if (network_id, address) == ("n1", "10.0.0.5") else None

    async def keep(server_id, password):
        kept.append((server_id, password))

    path = tmp_path / "run" / "metadata.sock"
    service = MetadataService(lookup, socket_path=path, keep_password=keep)
    await service.start()
    assert path.stat().st_mode & 0o077 == 0
    async with httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(path)), base_url="http://metadata", headers=HEADERS
    ) as client:
        yield client
    await service.close()
    assert not path.exists()


async def test_a_service_that_nobody_asks_can_be_closed(tmp_path):
    path = tmp_path / "metadata.sock"
    service = MetadataService(None, socket_path=path)
    await service.start()
    await service.close()
    assert not path.exists()


async def test_a_service_can_be_closed_while_its_first_question_waits(tmp_path):
    path = tmp_path / "metadata.sock"
    service = MetadataService(None, socket_path=path)
    await service.start()
    reader, writer = await asyncio.open_unix_connection(str(path))
    await service.close()
    assert not path.exists()
    writer.close()
    assert await reader.read() == b""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/openstack/latest/meta_data.json", "application/json"),
        ("/openstack/latest/user_data", "application/octet-stream"),
        ("/openstack", "text/plain; charset=UTF-8"),
        ("/latest/meta-data/", "text/plain; charset=UTF-8"),
    ],
)
async def test_documents_have_their_media_type(client, path, kind):
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


async def test_a_stranger_learns_nothing(client):
    for headers in ({"X-Forwarded-For": "10.0.0.6"}, {"X-Kilonova-Network": "n2"}):
        answer = await client.get("/latest/meta-data/", headers=headers)
        assert answer.status_code == 404
        assert "404 Not Found" in answer.text


async def test_what_does_not_exist_is_not_found(client):
    assert (await client.get("/openstack/latest/nothing")).status_code == 404


async def test_nothing_but_the_password_may_be_posted(client):
    assert (await client.post("/openstack/latest/meta_data.json")).status_code == 405
    assert (await client.delete("/openstack/latest/password")).status_code == 400


async def test_a_password_is_kept_once(client, kept):
    path = "/openstack/latest/password"
    assert (await client.get(path)).text == ""
    assert (await client.post(path, content=b"x" * 2000)).status_code == 400
    assert (await client.post(path, content=b"encrypted")).status_code == 200
    assert (await client.post(path, content=b"again")).status_code == 409
    assert (await client.get(path)).text == "encrypted"
    assert kept == [("s1", "encrypted")]
