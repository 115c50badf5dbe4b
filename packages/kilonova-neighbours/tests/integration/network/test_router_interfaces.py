"""Interfaces of routers: joining subnets and leaving them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


async def _join(cloud: Any, router: str, who: str = "alice", **what: Any) -> Any:
    reply = await cloud.ask(who, "PUT", f"/routers/{router}/add_router_interface", what)
    assert reply.status == 200, reply.body
    return reply.json()


async def _leave(cloud: Any, router: str, **what: Any) -> Any:
    reply = await cloud.ask("alice", "PUT", f"/routers/{router}/remove_router_interface", what)
    assert reply.status == 200, reply.body
    return reply.json()


async def _refused(cloud: Any, router: str, verb: str, who: str = "alice", **what: Any) -> tuple[int, str, str]:
    path = f"/routers/{router}/{verb}_router_interface"
    found: tuple[int, str, str] = await cloud.refusal(who, "PUT", path, what)
    return found


@pytest.fixture
async def router(cloud: Any) -> str:
    return str((await cloud.make("alice", "router"))["id"])


async def test_a_router_joins_a_subnet_with_its_gateways_address_and_leaves_it(cloud: Any, router: str) -> None:
    network, subnet = await cloud.network_with_subnet()
    joined = await _join(cloud, router, subnet_id=subnet["id"])
    assert joined == {
        "id": router,
        "tenant_id": "red",
        "project_id": "red",
        "port_id": joined["port_id"],
        "network_id": network,
        "subnet_id": subnet["id"],
        "subnet_ids": [subnet["id"]],
    }
    port = (await cloud.get("alice", f"/ports/{joined['port_id']}"))["port"]
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.1"}]
    assert (port["device_owner"], port["device_id"], port["status"]) == ("network:router_interface", router, "ACTIVE")
    assert port["security_groups"] == []
    shown = (await cloud.get("alice", f"/routers/{router}"))["router"]
    assert shown["revision_number"] == 2
    assert await _leave(cloud, router, subnet_id=subnet["id"]) == joined
    assert (await cloud.get("alice", "/ports"))["ports"] == []
    await cloud.drop("alice", "router", router)


async def test_a_router_joins_by_a_port_and_leaves_by_it(cloud: Any, router: str) -> None:
    network, subnet = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network)
    joined = await _join(cloud, router, port_id=port["id"])
    assert (joined["port_id"], joined["subnet_ids"]) == (port["id"], [subnet["id"]])
    now = (await cloud.get("alice", f"/ports/{port['id']}"))["port"]
    assert (now["device_owner"], now["device_id"]) == ("network:router_interface", router)
    other = (await cloud.make("alice", "router"))["id"]
    assert (await _refused(cloud, other, "add", port_id=port["id"]))[:2] == (409, "PortInUse")
    mismatch = await _refused(cloud, router, "remove", port_id=port["id"], subnet_id=network)
    assert mismatch[:2] == (400, "SubnetMismatchForPort")
    assert await _leave(cloud, router, port_id=port["id"], subnet_id=subnet["id"]) == joined
    assert (await cloud.refusal("alice", "GET", f"/ports/{port['id']}"))[0] == 404


async def test_what_a_router_uses_stays(cloud: Any, router: str) -> None:
    network, subnet = await cloud.network_with_subnet()
    port = (await _join(cloud, router, subnet_id=subnet["id"]))["port_id"]
    assert await cloud.refusal("alice", "DELETE", f"/routers/{router}") == (
        409,
        "RouterInUse",
        f"Router {router} still has ports",
    )
    assert await cloud.refusal("alice", "DELETE", f"/ports/{port}") == (
        409,
        "ServicePortInUse",
        f"Port {port} cannot be deleted directly via the port API: has device owner network:router_interface.",
    )
    body = {"port": {"device_owner": "", "device_id": ""}}
    assert (await cloud.refusal("alice", "PUT", f"/ports/{port}", body))[:2] == (409, "PortInUse")
    renamed = await cloud.change("alice", "port", port, name="the way out")
    assert (renamed["name"], renamed["status"]) == ("the way out", "ACTIVE")
    assert (await cloud.refusal("alice", "DELETE", f"/subnets/{subnet['id']}"))[:2] == (409, "SubnetInUse")
    assert (await cloud.refusal("alice", "DELETE", f"/networks/{network}"))[:2] == (409, "NetworkInUse")
    body = {"subnet": {"gateway_ip": "10.0.0.254"}}
    assert (await cloud.refusal("alice", "PUT", f"/subnets/{subnet['id']}", body))[0] == 409


async def test_subnets_on_one_router_do_not_overlap(cloud: Any, router: str) -> None:
    _, first = await cloud.network_with_subnet(cidr="10.0.0.0/16")
    _, second = await cloud.network_with_subnet(cidr="10.0.1.0/24")
    await _join(cloud, router, subnet_id=first["id"])
    assert await _refused(cloud, router, "add", subnet_id=first["id"]) == (
        400,
        "BadRequest",
        f"Bad router request: Router already has a port on subnet {first['id']}.",
    )
    assert await _refused(cloud, router, "add", subnet_id=second["id"]) == (
        400,
        "BadRequest",
        f"Bad router request: Cidr 10.0.1.0/24 of subnet {second['id']} overlaps with cidr 10.0.0.0/16 of subnet "
        f"{first['id']}.",
    )


async def test_one_gateway_address_is_not_given_to_two_routers(cloud: Any, router: str) -> None:
    _, subnet = await cloud.network_with_subnet()
    await _join(cloud, router, subnet_id=subnet["id"])
    other = (await cloud.make("alice", "router"))["id"]
    assert (await _refused(cloud, other, "add", subnet_id=subnet["id"]))[:2] == (409, "IpAddressAlreadyAllocated")


async def test_a_port_on_two_ipv4_subnets_or_on_none_joins_nothing(cloud: Any, router: str) -> None:
    network, first = await cloud.network_with_subnet()
    second = await cloud.make("alice", "subnet", network_id=network, cidr="10.1.0.0/24", ip_version=4)
    both = [{"subnet_id": first["id"]}, {"subnet_id": second["id"]}]
    port = await cloud.make("alice", "port", network_id=network, fixed_ips=both)
    assert await _refused(cloud, router, "add", port_id=port["id"]) == (
        400,
        "BadRequest",
        "Bad router request: Cannot have multiple IPv4 subnets on router port.",
    )
    bare = await cloud.make("alice", "port", network_id=network, fixed_ips=[])
    assert (await _refused(cloud, router, "add", port_id=bare["id"]))[2] == (
        "Bad router request: Router port must have at least one fixed IP."
    )


async def test_a_subnet_without_a_gateway_is_joined_by_a_port_only(cloud: Any, router: str) -> None:
    network, subnet = await cloud.network_with_subnet(gateway_ip=None)
    assert (await _refused(cloud, router, "add", subnet_id=subnet["id"]))[2] == (
        "Bad router request: Subnet for router interface must have a gateway IP."
    )
    port = await cloud.make("alice", "port", network_id=network)
    await _join(cloud, router, port_id=port["id"])


async def test_ipv6_subnets_of_one_network_share_a_port_with_the_gateways_addresses(cloud: Any, router: str) -> None:
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    network, first = await cloud.network_with_subnet(cidr="fd00:1::/64", **modes)
    joined = await _join(cloud, router, subnet_id=first["id"])
    second = await cloud.make("alice", "subnet", network_id=network, cidr="fd00:2::/64", ip_version=6, **modes)
    again = await _join(cloud, router, subnet_id=second["id"])
    assert (again["port_id"], again["subnet_ids"]) == (joined["port_id"], [second["id"]])
    port = (await cloud.get("alice", f"/ports/{joined['port_id']}"))["port"]
    assert [fixed["ip_address"] for fixed in port["fixed_ips"]] == ["fd00:1::1", "fd00:2::1"]
    extra = await cloud.make("alice", "port", network_id=network)
    refused = await _refused(cloud, router, "add", port_id=extra["id"])
    assert (refused[0], f"IPv6 port {port['id']}" in refused[2]) == (400, True)
    await cloud.drop("alice", "port", extra["id"])
    assert (await cloud.refusal("alice", "DELETE", f"/subnets/{second['id']}"))[:2] == (409, "SubnetInUse")
    await _leave(cloud, router, subnet_id=first["id"])
    port = (await cloud.get("alice", f"/ports/{joined['port_id']}"))["port"]
    assert [fixed["ip_address"] for fixed in port["fixed_ips"]] == ["fd00:2::1"]
    await _leave(cloud, router, subnet_id=second["id"])
    assert (await cloud.get("alice", "/ports"))["ports"] == []


async def test_nonsense_and_what_is_not_joined_are_refused(cloud: Any, router: str) -> None:
    network, subnet = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network)
    assert await _refused(cloud, router, "add") == (
        400,
        "BadRequest",
        "Bad router request: Either subnet_id or port_id must be specified.",
    )
    both = {"subnet_id": subnet["id"], "port_id": port["id"]}
    assert (await _refused(cloud, router, "add", **both))[2] == (
        "Bad router request: Cannot specify both subnet-id and port-id."
    )
    assert (await _refused(cloud, router, "add", subnet_id="x"))[2] == "Bad router request: 'x' is not a valid UUID."
    assert (await _refused(cloud, router, "add", port_id=7))[0] == 400
    assert (await _refused(cloud, router, "add", subnet_id=network))[:2] == (404, "SubnetNotFound")
    assert (await _refused(cloud, router, "add", port_id=network))[:2] == (404, "PortNotFound")
    assert (await _refused(cloud, router, "remove"))[0] == 400
    expected = (404, "RouterInterfaceNotFoundForSubnet", f"Router {router} has no interface on subnet {subnet['id']}")
    assert await _refused(cloud, router, "remove", subnet_id=subnet["id"]) == expected
    expected = (404, "RouterInterfaceNotFound", f"Router {router} does not have an interface with id {port['id']}")
    assert await _refused(cloud, router, "remove", port_id=port["id"]) == expected
    assert (await _refused(cloud, router, "remove", subnet_id=network))[:2] == (404, "SubnetNotFound")


async def test_others_subnets_and_ports_are_not_joined(cloud: Any, router: str) -> None:
    hidden, subnet = await cloud.network_with_subnet("bob")
    assert (await _refused(cloud, router, "add", subnet_id=subnet["id"]))[:2] == (404, "SubnetNotFound")
    port = await cloud.make("bob", "port", network_id=hidden)
    assert (await _refused(cloud, router, "add", port_id=port["id"]))[:2] == (404, "PortNotFound")
    mine, _ = await cloud.network_with_subnet()
    body = {"object_type": "network", "object_id": mine, "action": "access_as_shared", "target_tenant": "blue"}
    await cloud.make("alice", "rbac_policy", **body)
    guest = await cloud.make("bob", "port", network_id=mine)
    assert (await _refused(cloud, router, "add", port_id=guest["id"]))[:2] == (403, "PolicyNotAuthorized")


async def test_nobody_is_the_gateway_of_a_subnet_that_is_everybodys(cloud: Any, router: str) -> None:
    shared = (await cloud.make("admin", "network", shared=True))["id"]
    subnet = await cloud.make("admin", "subnet", network_id=shared, cidr="10.5.0.0/24", ip_version=4)
    assert await _refused(cloud, router, "add", subnet_id=subnet["id"]) == (
        400,
        "BadRequest",
        f"Bad router request: Cannot add interface to router because subnet {subnet['id']} is not owned by project "
        "making the request.",
    )
    port = await cloud.make("alice", "port", network_id=shared)
    await _join(cloud, router, port_id=port["id"])
    await _leave(cloud, router, port_id=port["id"])
    body = {"object_type": "network", "object_id": shared, "action": "access_as_shared", "target_tenant": "red"}
    await cloud.make("admin", "rbac_policy", **body)
    await _join(cloud, router, subnet_id=subnet["id"])


async def test_a_port_that_only_says_it_is_a_routers_is_not(cloud: Any, router: str) -> None:
    network, _ = await cloud.network_with_subnet("bob")
    claims = {"device_id": router, "device_owner": "network:router_interface"}
    port = await cloud.make("bob", "port", network_id=network, **claims)
    await cloud.drop("alice", "router", router)
    await cloud.drop("bob", "port", port["id"])


async def test_an_interface_asked_for_at_a_stale_revision_is_refused(cloud: Any, router: str) -> None:
    _, subnet = await cloud.network_with_subnet()
    path, body = f"/routers/{router}/add_router_interface", {"subnet_id": subnet["id"]}
    refused = await cloud.refusal("alice", "PUT", path, body, headers={"If-Match": "revision_number=7"})
    assert refused[:2] == (412, "RevisionNumberConstraintFailed")


async def test_of_two_routers_that_join_a_subnet_at_once_on_postgresql_one_does(two_clouds: Any) -> None:
    one, other = two_clouds
    _, subnet = await one.network_with_subnet()
    routers = [(await one.make("alice", "router"))["id"] for _ in range(2)]
    body = {"subnet_id": subnet["id"]}
    replies = await asyncio.gather(
        *(
            cloud.ask("alice", "PUT", f"/routers/{router}/add_router_interface", body)
            for cloud, router in zip((one, other), routers, strict=True)
        )
    )
    assert sorted(reply.status for reply in replies) == [200, 409]
