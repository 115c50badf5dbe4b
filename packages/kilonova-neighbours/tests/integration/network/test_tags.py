from __future__ import annotations

from typing import Any


async def test_tags_are_set_added_checked_and_removed(cloud: Any) -> None:
    network = await cloud.make("alice", "network")
    path = f"/networks/{network['id']}/tags"
    assert (await cloud.ask("alice", "PUT", path, {"tags": ["red", "blue"]})).json() == {"tags": ["blue", "red"]}
    assert (await cloud.ask("alice", "PUT", path + "/green")).status == 201
    assert (await cloud.ask("alice", "POST", path, {"tags": ["black"]})).status == 200
    assert (await cloud.get("alice", path))["tags"] == ["black", "blue", "green", "red"]
    assert (await cloud.ask("alice", "GET", path + "/red")).status == 204
    assert (await cloud.ask("alice", "DELETE", path + "/red")).status == 204
    assert (await cloud.refusal("alice", "GET", path + "/red"))[:2] == (404, "TagNotFound")
    shown = (await cloud.get("alice", f"/networks/{network['id']}"))["network"]
    assert (shown["tags"], shown["revision_number"]) == (["black", "blue", "green"], 5)
    assert (await cloud.ask("alice", "DELETE", path)).status == 204
    assert (await cloud.get("alice", path))["tags"] == []


async def test_lists_are_filtered_by_tags(cloud: Any) -> None:
    for name, tags in (("a", ["red", "blue"]), ("b", ["red"]), ("c", [])):
        network = await cloud.make("alice", "network", name=name)
        await cloud.ask("alice", "PUT", f"/networks/{network['id']}/tags", {"tags": tags})
    for query, expected in (
        ({"tags": "red,blue"}, ["a"]),
        ({"tags-any": "red,blue"}, ["a", "b"]),
        ({"not-tags": "red,blue"}, ["b", "c"]),
        ({"not-tags-any": "blue"}, ["b", "c"]),
    ):
        found = (await cloud.get("alice", "/networks", sort_key="name", **query))["networks"]
        assert [network["name"] for network in found] == expected, query


async def test_every_tagged_kind_takes_tags(cloud: Any) -> None:
    network, subnet = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network)
    group = await cloud.make("alice", "security_group", name="g")
    pool = await cloud.make("alice", "subnetpool", name="p", prefixes=["10.0.0.0/8"])
    for collection, wanted in (
        ("networks", network),
        ("subnets", subnet["id"]),
        ("ports", port["id"]),
        ("security-groups", group["id"]),
        ("subnetpools", pool["id"]),
    ):
        assert (await cloud.ask("alice", "PUT", f"/{collection}/{wanted}/tags", {"tags": ["t"]})).status == 200
        assert (await cloud.refusal("bob", "GET", f"/{collection}/{wanted}/tags"))[0] == 404
    assert (await cloud.refusal("alice", "PUT", f"/networks/{network}/tags", {"tags": ["t", "t"]}))[0] == 400
    assert (await cloud.refusal("alice", "PUT", f"/networks/{network}/tags", {"tags": "t"}))[0] == 400
