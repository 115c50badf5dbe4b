"""Lists of images: what is seen, filters, order, pages."""

from __future__ import annotations

import pytest


async def walk(cloud, who, query):
    """Follow the links from the first page to the last: the names of each page."""
    pages, path = [], f"/v2/images?{query}"
    while path:
        reply = await cloud.ask(who, "GET", path)
        assert reply.status == 200, reply.body
        body = reply.json()
        pages.append([image["name"] for image in body["images"]])
        path = body.get("next")
    return pages


async def test_each_project_sees_its_own_and_what_is_public(cloud):
    await cloud.create(name="private", visibility="private")
    await cloud.create(name="shared")
    await cloud.create(name="community", visibility="community")
    await cloud.create("root", name="public", visibility="public")
    await cloud.create(name="hidden", os_hidden=True)
    assert await cloud.names("anna") == ["public", "community", "shared", "private"]
    assert await cloud.names("ben") == ["public"]
    assert await cloud.names("ben", "visibility=community") == ["community"]
    assert await cloud.names("ben", "visibility=all") == ["public", "community"]
    assert await cloud.names("ben", "visibility=private") == []
    assert await cloud.names("anna", "visibility=private") == ["private"]
    assert await cloud.names("anna", "os_hidden=true") == ["hidden"]
    assert await cloud.names("root", "owner=alpha&sort=name") == ["shared", "private"]
    assert await cloud.names("root", "visibility=all") == ["public", "community", "shared", "private"]


async def make_three(cloud):
    one = await cloud.create(name="one", tags=["x", "y"], os_distro="debian", min_ram=64, protected=True)
    two = await cloud.create(name="two", tags=["x"], os_distro="fedora", disk_format="iso")
    three = await cloud.create(name="three, four", disk_format="qcow2")
    await cloud.upload(one["id"], b"12345")
    return one, two, three


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name=one", ["one"]),
        ("name=in:one,two", ["two", "one"]),
        ('name=in:one,"three, four"', ["three, four", "one"]),
        ("name=neq:one", ["three, four", "two"]),
        ("status=active", ["one"]),
        ("status=in:queued,active", ["three, four", "two", "one"]),
        ("disk_format=in:iso,qcow2", ["three, four", "two"]),
        ("container_format=ovf", []),
        ("tag=x", ["two", "one"]),
        ("tag=x&tag=y", ["one"]),
        ("os_distro=fedora", ["two"]),
        ("os_distro=fedora&tag=y", []),
        ("no_such_property=1", []),
        ("size_min=5&size_max=5", ["one"]),
        ("size_min=6", []),
        ("size=5", ["one"]),
        ("min_ram=64", ["one"]),
        ("protected=true", ["one"]),
        ("protected=False", ["three, four", "two"]),
        ("owner=alpha&limit=1", ["three, four"]),
        ("created_at=gt:2020-01-01T00:00:00Z", ["three, four", "two", "one"]),
        ("created_at=lt:2020-01-01T00:00:00Z", []),
        ("updated_at=gte:2020-01-01T00:00:00Z&sort=name:asc", ["one", "three, four", "two"]),
        ("created_at=neq:2020-01-01T00:00:00", ["three, four", "two", "one"]),
        ("sort=size:asc,name:asc", ["three, four", "two", "one"]),
        ("sort_key=disk_format&sort_dir=asc", ["two", "three, four", "one"]),
        ("sort_key=container_format&sort_dir=asc&sort_key=name&sort_dir=desc", ["two", "three, four", "one"]),
        ("limit=0", []),
    ],
)
async def test_a_list_is_filtered_and_sorted(cloud, query, names):
    await make_three(cloud)
    assert await cloud.names("anna", query) == names


async def test_the_time_filters_know_the_second(cloud):
    one, *_ = await make_three(cloud)
    for operator in ("eq", "gte", "lte"):
        assert "one" in await cloud.names("anna", f"created_at={operator}:{one['created_at']}")
    for operator in ("gt", "lt", "neq"):
        assert "one" not in await cloud.names("anna", f"created_at={operator}:{one['created_at']}")


async def test_ids_can_be_asked_for(cloud):
    one, two, _ = await make_three(cloud)
    assert await cloud.names("anna", f"id=in:{one['id']},{two['id']}") == ["two", "one"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=few",
        "marker=no-such-image",
        "visibility=secret",
        "member_status=maybe",
        "sort_key=colour",
        "sort=name:up",
        "sort=name:asc&sort_key=name",
        "sort_key=name&sort_dir=asc&sort_dir=desc",
        "size_min=big",
        "size_max=-1",
        "protected=maybe",
        "os_hidden=perhaps",
        "created_at=yesterday",
        "created_at=in:2020-01-01",
        "name=gt:a",
        'name=in:"a',
    ],
)
async def test_a_bad_list_is_refused(cloud, query):
    assert (await cloud.ask("anna", "GET", f"/v2/images?{query}")).status == 400


@pytest.mark.parametrize("sort", ["sort=name:asc", "sort=size:desc", "", "sort=disk_format:asc,name:desc"])
async def test_pages_join_up_to_the_whole_list(cloud, sort):
    for number in range(7):
        await cloud.create(name=f"i{number % 4}", disk_format=("raw", "iso")[number % 2])
    whole = (await walk(cloud, "anna", sort))[0]
    pages = await walk(cloud, "anna", f"{sort}&limit=3")
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [name for page in pages for name in page] == whole


async def test_links_are_as_clients_follow_them(cloud):
    for number in range(3):
        last = await cloud.create(name=f"i{number}")
        if number == 1:
            middle = last
    body = (await cloud.ask("anna", "GET", "/v2/images?limit=2&sort_dir=desc")).json()
    assert body["first"] == "/v2/images?limit=2&sort_dir=desc"
    assert body["next"] == f"/v2/images?limit=2&sort_dir=desc&marker={middle['id']}"
    assert body["schema"] == "/v2/schemas/images"
    assert (await cloud.ask("anna", "GET", "/v2/images")).json()["first"] == "/v2/images"
