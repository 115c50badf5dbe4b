"""Two processes of the image service on one PostgreSQL database."""

from __future__ import annotations

import asyncio

import pytest

pytestmark = pytest.mark.postgresql


async def test_lists_and_pages_are_the_same_as_on_sqlite(two_clouds):
    one, other = two_clouds
    for number in range(4):
        await one.create(name=f"n{number}", tags=["x"], os_distro="debian", disk_format=("raw", "iso")[number % 2])
    assert (await one.ask("anna", "POST", "/v2/images", {})).status == 201
    query = "tag=x&os_distro=debian&sort=disk_format:asc,name:desc"
    assert await other.names("anna", query) == ["n3", "n1", "n2", "n0"]
    assert await other.names("anna", "disk_format=in:iso&created_at=gt:2020-01-01T00:00:00Z") == ["n3", "n1"]
    body = (await other.ask("anna", "GET", "/v2/images?sort=size:asc,name:asc&limit=3")).json()
    rest = (await other.ask("anna", "GET", body["next"])).json()
    assert [image["name"] for image in body["images"] + rest["images"]] == [None, "n0", "n1", "n2", "n3"]
    assert await other.names("anna", "protected=false&limit=1&size_min=0") == []


async def test_what_one_takes_in_the_other_gives_out(two_clouds):
    one, other = two_clouds
    image = await one.create()
    assert (await one.upload(image["id"], b"data")).status == 204
    assert (await other.ask("anna", "GET", f"/v2/images/{image['id']}/file")).body == b"data"
    assert (await other.ask("anna", "POST", f"/v2/images/{image['id']}/members", {"member": "beta"})).status == 200
    assert (
        await other.ask("ben", "PUT", f"/v2/images/{image['id']}/members/beta", {"status": "accepted"})
    ).status == 200
    assert await one.names("ben") == ["disk"]
    reply = await other.ask("root", "POST", "/v2/metadefs/namespaces", {"namespace": "N", "tags": [{"name": "t"}]})
    assert reply.status == 201, reply.body
    assert (await one.ask("root", "GET", "/v2/metadefs/namespaces/N")).json()["tags"][0]["name"] == "t"


async def test_of_many_uploads_at_once_one_wins(two_clouds):
    one, other = two_clouds
    image = await one.create()
    sent = [cloud.upload(image["id"], f"from {number}".encode()) for number, cloud in enumerate((one, other) * 4)]
    statuses = [reply.status for reply in await asyncio.gather(*sent)]
    assert sorted(statuses) == [204] + [409] * 7
    winner = statuses.index(204)
    assert (await other.ask("anna", "GET", f"/v2/images/{image['id']}/file")).body == f"from {winner}".encode()
    assert len(one.files()) == 1


async def test_changes_at_once_are_all_kept(two_clouds):
    one, other = two_clouds
    image = await one.create()
    changes = [
        cloud.patch("anna", image["id"], ("add", f"/p{number}", "x")) for number, cloud in enumerate((one, other) * 5)
    ]
    assert {reply.status for reply in await asyncio.gather(*changes)} == {200}
    assert {f"p{number}" for number in range(10)} <= (await one.show(image["id"])).keys()
