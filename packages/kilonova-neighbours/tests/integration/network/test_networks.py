from __future__ import annotations

from typing import Any


async def test_a_network_shows_what_neutron_shows(cloud: Any) -> None:
    network = await cloud.make("alice", "network", name="blue sky")
    assert network | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "name": "blue sky",
        "description": "",
        "project_id": "red",
        "tenant_id": "red",
        "admin_state_up": True,
        "status": "ACTIVE",
        "shared": False,
        "subnets": [],
        "router:external": False,
        "mtu": 1500,
        "port_security_enabled": True,
        "availability_zone_hints": [],
        "availability_zones": [],
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "revision_number": 1,
        "tags": [],
        "created_at": "",
        "updated_at": "",
    }
    seen_by_admin = (await cloud.get("admin", f"/networks/{network['id']}"))["network"]
    assert seen_by_admin["provider:network_type"] == "vxlan"
    assert seen_by_admin["provider:segmentation_id"] > 0


async def test_strangers_do_not_find_a_network(cloud: Any) -> None:
    network = await cloud.make("alice", "network", name="mine")
    path = f"/networks/{network['id']}"
    expected = (404, "NetworkNotFound", f"Network {network['id']} could not be found.")
    assert await cloud.refusal("bob", "GET", path) == expected
    assert await cloud.refusal("bob", "PUT", path, {"network": {"name": "yours"}}) == expected
    assert await cloud.refusal("bob", "DELETE", path) == expected
    assert (await cloud.get("bob", "/networks"))["networks"] == []
    assert len((await cloud.get("admin", "/networks"))["networks"]) == 1


async def test_a_shared_network_is_seen_but_not_changed_by_others(cloud: Any) -> None:
    network = await cloud.make("admin", "network", name="open", shared=True)
    assert (await cloud.get("bob", "/networks", shared="True"))["networks"][0]["shared"] is True
    status, kind, _ = await cloud.refusal("bob", "PUT", f"/networks/{network['id']}", {"network": {"name": "x"}})
    assert (status, kind) == (403, "PolicyNotAuthorized")
    status, kind, _ = await cloud.refusal("bob", "DELETE", f"/networks/{network['id']}")
    assert (status, kind) == (403, "PolicyNotAuthorized")


async def test_only_an_admin_shares_or_names_what_carries_a_network(cloud: Any) -> None:
    for name, value in (("shared", True), ("router:external", True), ("provider:network_type", "flat")):
        status, kind, message = await cloud.refusal("alice", "POST", "/networks", {"network": {name: value}})
        assert (status, kind) == (403, "PolicyNotAuthorized")
        assert message == f"(rule:create_network and rule:create_network:{name}) is disallowed by policy"
    await cloud.make("alice", "network", shared=False)


async def test_a_network_in_use_stays_and_an_unused_one_goes_with_its_subnets(cloud: Any) -> None:
    network, subnet = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network)
    status, kind, message = await cloud.refusal("alice", "DELETE", f"/networks/{network}")
    assert (status, kind) == (409, "NetworkInUse")
    assert message.startswith(f"Unable to complete operation on network {network}. There are one or more ports still")
    await cloud.drop("alice", "port", port["id"])
    await cloud.drop("alice", "network", network)
    assert (await cloud.refusal("alice", "GET", f"/subnets/{subnet['id']}"))[:2] == (404, "SubnetNotFound")


async def test_bad_bodies_are_refused_in_neutrons_words(cloud: Any) -> None:
    async def words(body: Any) -> tuple[int, str, str]:
        found: tuple[int, str, str] = await cloud.refusal("alice", "POST", "/networks", body)
        return found

    assert await words({"network": {"colour": "red"}}) == (
        400,
        "HTTPBadRequest",
        "Unrecognized attribute(s) 'colour'",
    )
    assert (await words({"network": {"status": "DOWN"}}))[2] == "Attribute 'status' not allowed in POST"
    assert (await words({"net": {}}))[2] == "Unable to find 'network' in request body"
    assert (await words({"network": {"name": "x" * 256}}))[2].endswith("exceeds maximum length of 255.")
    assert (await words({"network": {"admin_state_up": "maybe"}}))[1] == "InvalidInput"
    assert (await words({"network": {"project_id": "blue"}}))[0] == 400
    network = await cloud.make("alice", "network")
    body = {"network": {"id": "x"}}
    assert (await cloud.refusal("alice", "PUT", f"/networks/{network['id']}", body))[2] == (
        "Cannot update read-only attribute id"
    )


async def test_many_networks_are_made_at_once_or_none(cloud: Any) -> None:
    reply = await cloud.ask("alice", "POST", "/networks", {"networks": [{"name": "a"}, {"name": "b"}]})
    assert [network["name"] for network in reply.json()["networks"]] == ["a", "b"]
    await cloud.ask("admin", "PUT", "/quotas/red", {"quota": {"network": 3}})
    refused = await cloud.refusal("alice", "POST", "/networks", {"networks": [{"name": "c"}, {"name": "d"}]})
    assert refused == (409, "OverQuota", "Quota exceeded for resources: ['network'].")
    assert len((await cloud.get("alice", "/networks"))["networks"]) == 2


async def test_a_stale_revision_changes_nothing(cloud: Any) -> None:
    network = await cloud.make("alice", "network", name="one")
    path, body = f"/networks/{network['id']}", {"network": {"name": "two"}}
    matching = {"If-Match": "revision_number=1"}
    assert (await cloud.ask("alice", "PUT", path, body, headers=matching)).status == 200
    refused = await cloud.refusal("alice", "PUT", path, body, headers=matching)
    assert refused[:2] == (412, "RevisionNumberConstraintFailed")
    assert (await cloud.get("alice", path))["network"]["revision_number"] == 2


async def test_lists_filter_sort_choose_fields_and_page_both_ways(cloud: Any) -> None:
    for name in ("c", "a", "d", "b"):
        await cloud.make("alice", "network", name=name)
    chosen = await cloud.get("alice", "/networks", name=["a", "b"], sort_key="name", sort_dir="desc", fields="name")
    assert chosen["networks"] == [{"name": "b"}, {"name": "a"}]
    first = await cloud.get("alice", "/networks", limit=2, sort_key="name", sort_dir="asc")
    assert [network["name"] for network in first["networks"]] == ["a", "b"]
    following = next(link["href"] for link in first["networks_links"] if link["rel"] == "next")
    second = await cloud.get("alice", "/networks?" + following.partition("?")[2])
    assert [network["name"] for network in second["networks"]] == ["c", "d"]
    back = next(link["href"] for link in second["networks_links"] if link["rel"] == "previous")
    again = await cloud.get("alice", "/networks?" + back.partition("?")[2])
    assert [network["name"] for network in again["networks"]] == ["a", "b"]
    status, _, message = await cloud.refusal("alice", "GET", "/networks?sort_key=colour")
    assert (status, message) == (400, "['colour'] is invalid attribute for sort keys")


async def test_the_use_of_addresses_is_counted(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet(cidr="10.0.0.0/28")
    await cloud.make("alice", "port", network_id=network)
    shown = (await cloud.get("admin", f"/network-ip-availabilities/{network}"))["network_ip_availability"]
    assert (shown["used_ips"], shown["total_ips"]) == (1, 13)
    listed = await cloud.get("admin", "/network-ip-availabilities", network_id=network)
    assert listed["network_ip_availabilities"] == [shown]


async def test_an_external_network_is_seen_by_all_and_its_subnets_are_not(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet("admin")
    await cloud.change("admin", "network", network, **{"router:external": True})
    found = (await cloud.get("bob", "/networks", **{"router:external": "True"}))["networks"]
    assert [(one["id"], one["router:external"]) for one in found] == [(network, True)]
    assert (await cloud.get("bob", "/subnets"))["subnets"] == []
    body = {"port": {"network_id": network}}
    assert (await cloud.refusal("bob", "POST", "/ports", body))[:2] == (403, "PolicyNotAuthorized")
    assert (await cloud.get("bob", "/agents"))["agents"] == []
    assert (await cloud.get("bob", "/network-ip-availabilities"))["network_ip_availabilities"] == []


async def test_addresses_in_use_are_counted_by_version(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    await cloud.make("alice", "subnet", network_id=network, cidr="2001:db8::/120", ip_version=6)

    async def shown(**query: Any) -> list[int]:
        asked = {"network_id": network, **query}
        (found,) = (await cloud.get("admin", "/network-ip-availabilities", **asked))["network_ip_availabilities"]
        return [subnet["ip_version"] for subnet in found["subnet_ip_availability"]]

    assert (sorted(await shown()), await shown(ip_version=4), await shown(ip_version=6)) == ([4, 6], [4], [6])
