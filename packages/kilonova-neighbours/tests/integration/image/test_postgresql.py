"""Two processes of the image service on one PostgreSQL database."""

from __future__ import annotations

import asyncio

import pytest
from kilonova_kit.errors import TooLarge
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.images import Image
from kilonova_neighbours.image.service import ImageApp
from kilonova_neighbours.image.settings import ImageSettings

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


async def test_of_what_both_make_at_once_one_is_made(two_clouds):
    for number in range(6):
        image_id = f"11111111-2222-3333-4444-55555555555{number}"
        asked = [cloud.ask("anna", "POST", "/v2/images", {"id": image_id}) for cloud in two_clouds]
        assert sorted(reply.status for reply in await asyncio.gather(*asked)) == [201, 409]
        path = f"/v2/images/{image_id}/members"
        asked = [cloud.ask("anna", "POST", path, {"member": "beta"}) for cloud in two_clouds]
        assert sorted(reply.status for reply in await asyncio.gather(*asked)) == [200, 409]
        body = {"namespace": f"N{number}", "resource_type_associations": [{"name": f"T{number}"}]}
        asked = [cloud.ask("root", "POST", "/v2/metadefs/namespaces", body) for cloud in two_clouds]
        assert sorted(reply.status for reply in await asyncio.gather(*asked)) == [201, 409]
        path = f"/v2/metadefs/namespaces/N{number}/objects"
        asked = [cloud.ask("root", "POST", path, {"name": "o" * 255}) for cloud in two_clouds]
        assert sorted(reply.status for reply in await asyncio.gather(*asked)) == [201, 409]
        types = [
            cloud.ask("root", "POST", f"/v2/metadefs/namespaces/N{number}/resource_types", {"name": f"{name}{number}"})
            for cloud, name in zip(two_clouds * 2, "xxyy", strict=True)
        ]
        assert {reply.status for reply in await asyncio.gather(*types)} <= {201, 409}


async def test_two_may_start_at_once(postgresql_url, tmp_path):
    settings = ImageSettings(data_dir=tmp_path / "images", database_url=postgresql_url)
    apps = [ImageApp(settings) for _ in range(3)]
    await asyncio.gather(*(app.start() for app in apps))
    for app in apps:
        await app.close()


async def test_members_are_limited_also_when_they_come_at_once(postgresql_url, tmp_path):
    settings = ImageSettings(
        data_dir=tmp_path / "images", database_url=postgresql_url, most_members=1, project_images=2
    )
    apps = [ImageApp(settings) for _ in range(2)]
    anna = Caller(user_id="anna", project_id="alpha")
    for app in apps:
        await app.start()
    for _ in range(2):
        image = await apps[0].images.create(Image(id=""), anna)
        added = [app.members.add(image.id, f"m{at}", anna) for at, app in enumerate(apps * 2)]
        done = await asyncio.gather(*added, return_exceptions=True)
        assert sum(isinstance(one, TooLarge) for one in done) == 3
    made = await asyncio.gather(*(app.images.create(Image(id=""), anna) for app in apps), return_exceptions=True)
    assert all(isinstance(one, TooLarge) for one in made)
    for app in apps:
        await app.close()
