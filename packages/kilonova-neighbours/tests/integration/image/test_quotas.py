"""Limits of a project, and of one image."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from kilonova_neighbours.image.service import ImageApp


@pytest.fixture
def limited(cloud):
    """The same cloud with smaller limits, given to its rules."""

    async def limit(**limits):
        await cloud.app.close()
        cloud.settings = msgspec.structs.replace(cloud.settings, **limits)
        cloud.app = ImageApp(cloud.settings)
        cloud.edge._app = cloud.app
        await cloud.app.start()
        return cloud

    return limit


async def test_a_project_has_its_share_of_bytes(limited):
    cloud = await limited(project_bytes=10)
    first, second, other = await cloud.create(), await cloud.create(), await cloud.create("ben")
    assert (await cloud.upload(first["id"], b"12345678")).status == 204
    assert (await cloud.upload(second["id"], b"123")).status == 413
    assert (await cloud.upload(second["id"], b"12")).status == 204
    assert (await cloud.upload(other["id"], b"1234567890", who="ben")).status == 204


async def test_staged_bytes_are_counted_apart(limited):
    cloud = await limited(project_staged_bytes=5, project_bytes=100)
    first, second = await cloud.create(), await cloud.create()
    assert (await cloud.put("anna", f"/v2/images/{first['id']}/stage", b"12345")).status == 204
    assert (await cloud.put("anna", f"/v2/images/{second['id']}/stage", b"1")).status == 413
    assert (await cloud.upload(second["id"], b"123456")).status == 204


async def test_a_project_has_so_many_images_and_uploads(limited):
    cloud = await limited(project_images=2, project_uploads=1)
    first, second = await cloud.create(), await cloud.create()
    assert (await cloud.ask("anna", "POST", "/v2/images", {})).status == 413
    assert (await cloud.put("anna", f"/v2/images/{first['id']}/stage", b"1")).status == 204
    assert (await cloud.upload(second["id"], b"1")).status == 413


async def test_members_are_limited(limited):
    cloud = await limited(most_members=1)
    image = await cloud.create()
    path = f"/v2/images/{image['id']}/members"
    assert (await cloud.ask("anna", "POST", path, {"member": "beta"})).status == 200
    assert (await cloud.ask("anna", "POST", path, {"member": "gamma"})).status == 413


async def test_properties_and_tags_are_limited_when_they_are_added(limited):
    cloud = await limited(most_properties=1, most_tags=1)
    image = await cloud.create(one="1", tags=["a"])
    assert (await cloud.patch("anna", image["id"], ("add", "/two", "2"))).status == 413
    assert (await cloud.patch("anna", image["id"], ("add", "/one", "2"))).status == 200
    assert (await cloud.ask("anna", "PUT", f"/v2/images/{image['id']}/tags/b")).status == 413


async def test_images_and_bytes_are_counted_also_of_those_who_come_at_once(limited):
    cloud = await limited(project_images=3, project_bytes=10)
    replies = await asyncio.gather(*(cloud.ask("anna", "POST", "/v2/images", {}) for _ in range(9)))
    assert sorted(reply.status for reply in replies) == [201] * 3 + [413] * 6
    formats = ("add", "/disk_format", "raw"), ("add", "/container_format", "bare")
    ids = [reply.json()["id"] for reply in replies if reply.status == 201]
    for image_id in ids:
        assert (await cloud.patch("anna", image_id, *formats)).status == 200
    sent = await asyncio.gather(*(cloud.upload(image_id, b"12345678") for image_id in ids))
    assert sorted(reply.status for reply in sent) == [204, 413, 413]
    assert len(cloud.files()) == 1
    assert sorted([(await cloud.show(image_id))["status"] for image_id in ids]) == ["active", "queued", "queued"]


async def test_uploads_are_counted_also_of_those_who_come_at_once(limited):
    cloud = await limited(project_uploads=1, project_staged_bytes=10)
    ids = [(await cloud.create())["id"] for _ in range(4)]
    stages = (cloud.put("anna", f"/v2/images/{image_id}/stage", b"12345678") for image_id in ids)
    assert sorted(reply.status for reply in await asyncio.gather(*stages)) == [204, 413, 413, 413]
