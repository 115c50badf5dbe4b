"""Versions, schemas and what else a client asks first."""

from __future__ import annotations

import pytest


async def test_the_versions_are_listed(cloud):
    for path, status in (("/", 300), ("/versions", 200), ("/v2/", 300), ("/v2", 300)):
        reply = await cloud.ask("", "GET", path)
        assert reply.status == status
        versions = reply.json()["versions"]
        assert (versions[0]["id"], versions[0]["status"]) == ("v2.17", "CURRENT")
        assert {version["status"] for version in versions[1:]} == {"SUPPORTED"}
        assert all(version["links"][0]["href"].endswith("/image/v2/") for version in versions)


@pytest.mark.parametrize("name", ["image", "images", "member", "members", "task", "tasks"])
async def test_schemas_are_published(cloud, name):
    schema = (await cloud.ask("anna", "GET", f"/v2/schemas/{name}")).json()
    assert schema["name"] == name
    assert schema["properties"]
    assert (await cloud.ask("anna", "GET", f"/v2/schemas/{name}x")).status == 404


async def test_the_image_schema_marks_what_is_read_only(cloud):
    properties = (await cloud.ask("anna", "GET", "/v2/schemas/image")).json()["properties"]
    image = await cloud.create()
    assert image.keys() <= properties.keys()
    assert properties["status"]["readOnly"] is True
    assert "readOnly" not in properties["name"]


async def test_import_methods_and_stores(cloud):
    info = (await cloud.ask("anna", "GET", "/v2/info/import")).json()
    assert info["import-methods"]["value"] == ["glance-direct"]
    assert (await cloud.ask("anna", "GET", "/v2/info/stores")).status == 404


async def test_the_usage_of_a_project_is_shown(cloud):
    image = await cloud.create()
    await cloud.upload(image["id"], bytes(2 * 1024 * 1024))
    await cloud.create()
    usage = (await cloud.ask("anna", "GET", "/v2/info/usage")).json()["usage"]
    assert usage["image_size_total"] == {"limit": -1, "usage": 2}
    assert usage["image_count_total"] == {"limit": -1, "usage": 2}
    assert (await cloud.ask("ben", "GET", "/v2/info/usage")).json()["usage"]["image_count_total"]["usage"] == 0
