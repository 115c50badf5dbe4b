from __future__ import annotations

from typing import Any

import pytest


async def test_a_subnet_gets_its_gateway_and_pools(cloud: Any) -> None:
    network, subnet = await cloud.network_with_subnet(cidr="10.0.0.0/24")
    assert subnet["gateway_ip"] == "10.0.0.1"
    assert subnet["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert (subnet["enable_dhcp"], subnet["ipv6_ra_mode"], subnet["subnetpool_id"]) == (True, None, None)
    shown = (await cloud.get("alice", f"/networks/{network}"))["network"]
    assert (shown["subnets"], shown["revision_number"]) == ([subnet["id"]], 2)


async def test_bits_of_a_host_are_no_part_of_a_subnet(cloud: Any) -> None:
    _, subnet = await cloud.network_with_subnet(cidr="10.99.99.7/16")
    assert subnet["cidr"] == "10.99.0.0/16"


async def test_a_subnet_may_have_no_gateway(cloud: Any) -> None:
    _, subnet = await cloud.network_with_subnet(gateway_ip=None)
    assert subnet["gateway_ip"] is None
    assert subnet["allocation_pools"] == [{"start": "10.0.0.1", "end": "10.0.0.254"}]


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        ({"cidr": "10.0.0.0/25", "ip_version": 4}, 400, "InvalidInput", "overlaps with another subnet"),
        ({"cidr": "10.1.0.9", "ip_version": 4}, 400, "HTTPBadRequest", "'10.1.0.9/32' is recommended"),
        ({"cidr": "nonsense", "ip_version": 4}, 400, "HTTPBadRequest", "is not a valid IP subnet"),
        ({"cidr": "10.1.0.0/24", "ip_version": 6}, 400, "InvalidInput", "does not match the ip_version '6'"),
        ({"cidr": "10.1.0.0/24"}, 400, "HTTPBadRequest", "Required attribute 'ip_version' not specified"),
        ({"ip_version": 4}, 400, "HTTPBadRequest", "a subnetpool must be specified in the absence of a cidr"),
        (
            {
                "cidr": "10.1.0.0/24",
                "ip_version": 4,
                "gateway_ip": "10.1.0.20",
                "allocation_pools": [{"start": "10.1.0.10", "end": "10.1.0.30"}],
            },
            409,
            "GatewayConflictWithAllocationPools",
            "Gateway ip 10.1.0.20 conflicts with allocation pool 10.1.0.10-10.1.0.30.",
        ),
        (
            {"cidr": "10.1.0.0/24", "ip_version": 4, "allocation_pools": [{"start": "10.1.0.2", "end": "10.2.0.3"}]},
            400,
            "OutOfBoundsAllocationPool",
            "spans beyond the subnet cidr 10.1.0.0/24.",
        ),
        (
            {
                "cidr": "10.1.0.0/24",
                "ip_version": 4,
                "allocation_pools": [
                    {"start": "10.1.0.2", "end": "10.1.0.9"},
                    {"start": "10.1.0.9", "end": "10.1.0.20"},
                ],
            },
            409,
            "OverlappingAllocationPools",
            "Found overlapping allocation pools",
        ),
        (
            {"cidr": "fd00::/80", "ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"},
            400,
            "InvalidInput",
            "requires the prefix to be /64",
        ),
        (
            {"cidr": "fd00::/64", "ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"},
            400,
            "InvalidInput",
            "they must be the same value",
        ),
        ({"cidr": "10.1.0.0/24", "ip_version": 4, "gateway_ip": "10.1.0.255"}, 400, "InvalidInput", "not valid"),
    ],
)
async def test_what_cannot_be_a_subnet_is_refused(
    cloud: Any, body: dict[str, Any], status: int, kind: str, words: str
) -> None:
    network, _ = await cloud.network_with_subnet()
    refused = await cloud.refusal("alice", "POST", "/subnets", {"subnet": {"network_id": network, **body}})
    assert refused[:2] == (status, kind)
    assert words in refused[2]


async def test_pools_and_gateway_can_be_changed_while_they_do_not_meet(cloud: Any) -> None:
    _, subnet = await cloud.network_with_subnet()
    pools = [{"start": "10.0.0.100", "end": "10.0.0.110"}]
    changed = await cloud.change("alice", "subnet", subnet["id"], allocation_pools=pools, gateway_ip="10.0.0.99")
    assert (changed["allocation_pools"], changed["gateway_ip"]) == (pools, "10.0.0.99")
    path = f"/subnets/{subnet['id']}"
    refused = await cloud.refusal("alice", "PUT", path, {"subnet": {"gateway_ip": "10.0.0.105"}})
    assert refused[:2] == (409, "GatewayConflictWithAllocationPools")
    assert (await cloud.refusal("alice", "PUT", path, {"subnet": {"cidr": "10.0.0.0/25"}}))[0] == 400
    routes = [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.5"}]
    changed = await cloud.change("alice", "subnet", subnet["id"], host_routes=routes, dns_nameservers=["1.1.1.1"])
    assert (changed["host_routes"], changed["dns_nameservers"]) == (routes, ["1.1.1.1"])


async def test_a_subnet_with_addresses_in_use_stays(cloud: Any) -> None:
    network, subnet = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network)
    assert (await cloud.refusal("alice", "DELETE", f"/subnets/{subnet['id']}"))[:2] == (409, "SubnetInUse")
    await cloud.drop("alice", "port", port["id"])
    await cloud.drop("alice", "subnet", subnet["id"])


async def test_only_the_networks_owner_adds_subnets(cloud: Any) -> None:
    network = await cloud.make("admin", "network", shared=True)
    body = {"subnet": {"network_id": network["id"], "cidr": "10.0.0.0/24", "ip_version": 4}}
    assert (await cloud.refusal("bob", "POST", "/subnets", body))[:2] == (403, "PolicyNotAuthorized")
    hidden = await cloud.make("admin", "network")
    body["subnet"]["network_id"] = hidden["id"]
    assert (await cloud.refusal("bob", "POST", "/subnets", body))[:2] == (404, "NetworkNotFound")


async def test_ports_take_part_in_automatic_ipv6_subnets_made_before_and_after_them(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    early = await cloud.make("alice", "port", network_id=network, mac_address="fa:16:3e:00:00:01")
    subnet = await cloud.make(
        "alice",
        "subnet",
        network_id=network,
        cidr="fd00::/64",
        ip_version=6,
        ipv6_ra_mode="slaac",
        ipv6_address_mode="slaac",
    )
    expected = {"subnet_id": subnet["id"], "ip_address": "fd00::f816:3eff:fe00:1"}
    early = (await cloud.get("alice", f"/ports/{early['id']}"))["port"]
    assert early["fixed_ips"][1] == expected
    late = await cloud.make("alice", "port", network_id=network)
    assert {fixed["subnet_id"] for fixed in late["fixed_ips"]} == {fixed["subnet_id"] for fixed in early["fixed_ips"]}
    await cloud.drop("alice", "subnet", subnet["id"])
    assert len((await cloud.get("alice", f"/ports/{late['id']}"))["port"]["fixed_ips"]) == 1
