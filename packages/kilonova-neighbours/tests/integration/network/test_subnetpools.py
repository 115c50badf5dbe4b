from __future__ import annotations

from typing import Any

import pytest


async def test_subnets_are_cut_from_a_pool(cloud: Any) -> None:
    pool = await cloud.make("alice", "subnetpool", name="p", prefixes=["10.0.0.0/16"], default_prefixlen=24)
    assert (pool["ip_version"], pool["min_prefixlen"], pool["max_prefixlen"]) == (4, 8, 32)
    network = await cloud.make("alice", "network")
    body = {"network_id": network["id"], "ip_version": 4, "subnetpool_id": pool["id"]}
    first = await cloud.make("alice", "subnet", **body)
    second = await cloud.make("alice", "subnet", **body, prefixlen=20)
    third = await cloud.make("alice", "subnet", **body, cidr="10.0.1.0/24")
    assert [subnet["cidr"] for subnet in (first, second, third)] == ["10.0.0.0/24", "10.0.16.0/20", "10.0.1.0/24"]
    assert first["subnetpool_id"] == pool["id"]
    refused = await cloud.refusal("alice", "POST", "/subnets", {"subnet": {**body, "cidr": "10.0.1.0/25"}})
    assert refused[:2] == (409, "SubnetAllocationError")
    refused = await cloud.refusal("alice", "POST", "/subnets", {"subnet": {**body, "prefixlen": 6}})
    assert refused[:2] == (400, "MinPrefixSubnetAllocationError")
    assert (await cloud.refusal("alice", "DELETE", f"/subnetpools/{pool['id']}"))[:2] == (400, "SubnetPoolDeleteError")
    for subnet in (first, second, third):
        await cloud.drop("alice", "subnet", subnet["id"])
    await cloud.drop("alice", "subnetpool", pool["id"])


async def test_a_full_pool_says_so(cloud: Any) -> None:
    pool = await cloud.make("alice", "subnetpool", prefixes=["10.0.0.0/30"], min_prefixlen=30)
    network = await cloud.make("alice", "network")
    body = {"network_id": network["id"], "ip_version": 4, "subnetpool_id": pool["id"]}
    await cloud.make("alice", "subnet", **body)
    other = await cloud.make("alice", "network")
    refused = await cloud.refusal("alice", "POST", "/subnets", {"subnet": {**body, "network_id": other["id"]}})
    assert refused[:2] == (409, "SubnetAllocationError")


async def test_the_default_pool_is_used_when_asked_for(cloud: Any) -> None:
    refused = await cloud.refusal(
        "alice", "POST", "/subnetpools", {"subnetpool": {"is_default": True, "prefixes": ["10.0.0.0/8"]}}
    )
    assert refused[:2] == (403, "PolicyNotAuthorized")
    await cloud.make("admin", "subnetpool", prefixes=["10.0.0.0/8"], is_default=True, shared=True, default_prefixlen=26)
    network = await cloud.make("alice", "network")
    subnet = await cloud.make("alice", "subnet", network_id=network["id"], ip_version=4, use_default_subnetpool=True)
    assert subnet["cidr"] == "10.0.0.0/26"
    assert "use_default_subnetpool" not in subnet


async def test_prefixes_grow_and_merge_but_never_shrink(cloud: Any) -> None:
    pool = await cloud.make("alice", "subnetpool", prefixes=["10.0.0.0/24"])
    pool = await cloud.change("alice", "subnetpool", pool["id"], prefixes=["10.0.0.0/24", "10.0.1.0/24"])
    assert pool["prefixes"] == ["10.0.0.0/23"]
    path, fewer = f"/subnetpools/{pool['id']}", {"subnetpool": {"prefixes": ["10.0.0.0/24"]}}
    assert (await cloud.refusal("alice", "PUT", path, fewer))[:2] == (400, "IllegalSubnetPoolPrefixUpdate")
    lengths = {"subnetpool": {"prefixes": ["10.0.0.0/8"], "min_prefixlen": 24, "max_prefixlen": 20}}
    assert (await cloud.refusal("alice", "POST", "/subnetpools", lengths))[:2] == (
        400,
        "IllegalSubnetPoolPrefixBounds",
    )


async def test_pools_of_one_address_scope_do_not_overlap(cloud: Any) -> None:
    scope = await cloud.make("alice", "address_scope", name="s", ip_version=4)
    pool = await cloud.make("alice", "subnetpool", prefixes=["10.0.0.0/8"], address_scope_id=scope["id"])
    body = {"subnetpool": {"prefixes": ["10.1.0.0/16"], "address_scope_id": scope["id"]}}
    assert (await cloud.refusal("alice", "POST", "/subnetpools", body))[:2] == (409, "AddressScopePrefixConflict")
    path = f"/address-scopes/{scope['id']}"
    assert (await cloud.refusal("alice", "DELETE", path))[:2] == (409, "AddressScopeInUse")
    await cloud.drop("alice", "subnetpool", pool["id"])
    assert (await cloud.change("alice", "address_scope", scope["id"], name="t"))["name"] == "t"
    await cloud.drop("alice", "address_scope", scope["id"])


@pytest.mark.parametrize("name", ["default_prefixlen", "min_prefixlen", "max_prefixlen"])
async def test_a_pool_keeps_its_lengths(cloud: Any, name: str) -> None:
    pool = await cloud.make("alice", "subnetpool", prefixes=["10.0.0.0/8"])
    path = f"/subnetpools/{pool['id']}"
    assert (await cloud.refusal("alice", "PUT", path, {"subnetpool": {name: None}}))[0] == 400
    assert (await cloud.get("alice", path))["subnetpool"][name] == pool[name]
