"""What no client should send: refused in words, or answered at once; nobody else waits for it."""

from __future__ import annotations

from typing import Any

import pytest


async def test_very_long_lists_are_looked_through_once(cloud: Any) -> None:
    hints = [f"z{number}" for number in range(90_000)]
    network = await cloud.make("alice", "network", availability_zone_hints=hints)
    body = {"network": {"availability_zone_hints": [*hints, "z7"]}}
    assert (await cloud.refusal("alice", "POST", "/networks", body))[0] == 400
    ips = [{"ip_address": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"} for number in range(25_000)]
    for wanted, words in ((ips, "maximum amount"), ([*ips, ips[3]], "Duplicate")):
        body = {"port": {"network_id": network["id"], "fixed_ips": wanted}}
        assert words in (await cloud.refusal("alice", "POST", "/ports", body))[2]


async def test_a_list_is_sorted_by_each_key_once(cloud: Any) -> None:
    made = [(await cloud.make("alice", "network", name=name))["id"] for name in "cab"]
    keys = [key for _ in range(2_000) for key in ("name", "id")]
    found = await cloud.get("alice", "/networks", sort_key=keys, marker=made[1], fields="name")
    assert [network["name"] for network in found["networks"]] == ["b", "c"]
    directions = ["desc", *["asc"] * (len(keys) - 1)]
    found = await cloud.get("alice", "/networks", sort_key=keys, sort_dir=directions, limit=3, fields="name")
    assert [network["name"] for network in found["networks"]] == ["c", "b", "a"]


@pytest.mark.parametrize("name", ["tags", "tags-any", "not-tags", "not-tags-any"])
async def test_nobody_asks_for_thousands_of_tags(cloud: Any, name: str) -> None:
    many = ",".join(f"t{number}" for number in range(5_000))
    assert (await cloud.refusal("alice", "GET", f"/networks?{name}={many}"))[0] == 400


async def test_numbers_of_thousands_of_digits_are_refused(cloud: Any) -> None:
    (group,) = (await cloud.get("alice", "/security-groups"))["security_groups"]
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "9" * 5_000}
    refused = await cloud.refusal("alice", "POST", "/security-group-rules", {"security_group_rule": rule})
    assert refused[:2] == (400, "SecurityGroupRuleInvalidProtocol")
    headers = {"If-Match": f"revision_number={'9' * 5_000}"}
    path, body = f"/security-groups/{group['id']}", {"security_group": {"description": "d"}}
    assert (await cloud.refusal("alice", "PUT", path, body, headers=headers))[0] in (400, 412)


async def test_a_strangers_thing_is_no_marker(cloud: Any) -> None:
    secret = await cloud.make("bob", "network", name="secret")
    refused = await cloud.refusal("alice", "GET", f"/networks?sort_key=name&marker={secret['id']}")
    assert refused[:2] == (404, "NetworkNotFound")
