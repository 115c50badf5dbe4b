"""Metadata definitions: namespaces and what they hold."""

from __future__ import annotations

import pytest

NAMESPACES = "/v2/metadefs/namespaces"


async def make(cloud, name="OS::Test", **fields):
    reply = await cloud.ask("root", "POST", NAMESPACES, {"namespace": name, **fields})
    assert reply.status == 201, reply.body
    return reply.json()


async def test_a_namespace_lives_from_create_to_delete(cloud):
    types = (await cloud.ask("anna", "GET", "/v2/metadefs/resource_types")).json()["resource_types"]
    made = await make(
        cloud, visibility="public", protected=True, resource_type_associations=[{"name": types[0]["name"]}]
    )
    assert (made["namespace"], made["owner"], made["protected"]) == ("OS::Test", "admin", True)
    assert made["self"] == f"{NAMESPACES}/OS::Test"
    assert (await cloud.ask("root", "POST", NAMESPACES, {"namespace": "OS::Test"})).status == 409
    path = f"{NAMESPACES}/OS::Test"
    shown = (await cloud.ask("anna", "GET", path)).json()
    assert shown["resource_type_associations"][0]["name"] == types[0]["name"]
    assert (await cloud.ask("root", "DELETE", path)).status == 403
    new = {"namespace": "OS::New", "visibility": "private", "protected": False}
    changed = await cloud.ask("root", "PUT", path, new)
    assert (changed.status, changed.json()["visibility"]) == (200, "private")
    assert (await cloud.ask("anna", "GET", f"{NAMESPACES}/OS::New")).status == 404
    assert (await cloud.ask("root", "DELETE", f"{NAMESPACES}/OS::New")).status == 204
    assert (await cloud.ask("root", "GET", f"{NAMESPACES}/OS::New")).status == 404


async def test_namespaces_are_listed_in_pages(cloud):
    for number in range(3):
        await make(cloud, f"n{number}", visibility=("public", "private")[number % 2])
    body = (await cloud.ask("root", "GET", f"{NAMESPACES}?limit=2")).json()
    assert [each["namespace"] for each in body["namespaces"]] == ["n2", "n1"]
    body = (await cloud.ask("root", "GET", body["next"])).json()
    assert [each["namespace"] for each in body["namespaces"]] == ["n0"]
    assert "next" not in body
    seen = (await cloud.ask("anna", "GET", NAMESPACES)).json()["namespaces"]
    assert [each["namespace"] for each in seen] == ["n2", "n0"]
    for bad in ("visibility=x", "marker=x", "limit=x"):
        assert (await cloud.ask("root", "GET", f"{NAMESPACES}?{bad}")).status == 400


BODIES = {
    "objects": {"name": "one", "description": "d", "properties": {"p": {"title": "P", "type": "string"}}},
    "properties": {"name": "one", "title": "One", "type": "integer", "minimum": 1, "default": 2},
}


@pytest.mark.parametrize("plural", list(BODIES))
async def test_a_definition_lives_from_create_to_delete(cloud, plural):
    await make(cloud)
    path, body = f"{NAMESPACES}/OS::Test/{plural}", BODIES[plural]
    made = await cloud.ask("root", "POST", path, body)
    assert made.status == 201, made.body
    assert body.items() <= made.json().items()
    assert (await cloud.ask("root", "POST", path, body)).status == 409
    assert (await cloud.ask("root", "GET", f"{path}/one")).json() == made.json()
    listed = (await cloud.ask("root", "GET", path)).json()[plural]
    assert len(listed) == 1
    changed = await cloud.ask("root", "PUT", f"{path}/one", {**body, "name": "two"})
    assert (changed.status, changed.json()["name"]) == (200, "two")
    assert (await cloud.ask("root", "GET", f"{path}/one")).status == 404
    assert (await cloud.ask("root", "DELETE", f"{path}/two")).status == 204
    assert (await cloud.ask("root", "DELETE", f"{path}/two")).status == 404
    await cloud.ask("root", "POST", path, body)
    assert (await cloud.ask("root", "DELETE", path)).status == 204
    assert not (await cloud.ask("root", "GET", path)).json()[plural]


async def test_tags_are_set_together_or_alone(cloud):
    await make(cloud)
    path = f"{NAMESPACES}/OS::Test/tags"
    assert (await cloud.ask("root", "POST", path, {"tags": [{"name": "a"}, {"name": "b"}]})).status == 201
    assert (await cloud.ask("root", "POST", f"{path}/c")).status == 201
    assert (await cloud.ask("root", "PUT", f"{path}/c", {"name": "d"})).json()["name"] == "d"
    assert [tag["name"] for tag in (await cloud.ask("root", "GET", path)).json()["tags"]] == ["a", "b", "d"]
    more = await cloud.ask("root", "POST", path, {"tags": [{"name": "e"}]}, X_Openstack_Append="true")
    assert len(more.json()["tags"]) == 4
    assert len((await cloud.ask("root", "POST", path, {"tags": [{"name": "z"}]})).json()["tags"]) == 1
    assert (await cloud.ask("root", "DELETE", f"{path}/z")).status == 204
    assert (await cloud.ask("root", "POST", path, {"tags": "a"})).status == 400


async def test_resource_types_are_associated(cloud):
    await make(cloud)
    path = f"{NAMESPACES}/OS::Test/resource_types"
    made = await cloud.ask("root", "POST", path, {"name": "My::Type", "prefix": "hw_"})
    assert (made.status, made.json()["prefix"]) == (201, "hw_")
    listed = (await cloud.ask("root", "GET", path)).json()["resource_type_associations"]
    assert [each["name"] for each in listed] == ["My::Type"]
    names = (await cloud.ask("anna", "GET", "/v2/metadefs/resource_types")).json()["resource_types"]
    assert "My::Type" in [each["name"] for each in names]
    found = (await cloud.ask("root", "GET", f"{NAMESPACES}?resource_types=My::Type")).json()["namespaces"]
    assert len(found) == 1
    assert (await cloud.ask("root", "DELETE", f"{path}/My::Type")).status == 204


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", {}, 400),
        ("", {"namespace": "x" * 81}, 400),
        ("", {"namespace": "x", "visibility": "shared"}, 400),
        ("", {"namespace": "x", "colour": "red"}, 400),
        ("", {"namespace": "x", "self": "/"}, 403),
        ("/OS::Test/objects", {}, 400),
        ("/OS::Test/objects", {"name": "o", "properties": {"p": {"type": "string"}}}, 400),
        ("/OS::Test/properties", {"name": "p", "title": "P"}, 400),
        ("/OS::Test/properties", {"name": "p", "title": "P", "type": "colour"}, 400),
        ("/nowhere/objects", {"name": "o"}, 404),
    ],
)
async def test_a_bad_definition_is_refused(cloud, path, body, status):
    await make(cloud)
    assert (await cloud.ask("root", "POST", NAMESPACES + path, body)).status == status


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("namespace", "namespace"),
        ("namespaces", "namespaces"),
        ("resource_type", "resource_type_association"),
        ("resource_types", "resource_type_associations"),
        ("object", "object"),
        ("objects", "objects"),
        ("property", "property"),
        ("properties", "properties"),
        ("tag", "tag"),
        ("tags", "tags"),
    ],
)
async def test_the_schemas_are_published(cloud, path, name):
    schema = (await cloud.ask("anna", "GET", f"/v2/schemas/metadefs/{path}")).json()
    assert schema["name"] == name
    assert schema["properties"]
