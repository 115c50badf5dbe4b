from __future__ import annotations

from typing import Any

from kilonova_neighbours.network.service import BootstrapNetwork


async def test_a_port_gets_an_address_a_mac_and_the_default_group(cloud: Any) -> None:
    network, subnet = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network)
    groups = (await cloud.get("alice", "/security-groups"))["security_groups"]
    assert port["fixed_ips"][0]["subnet_id"] == subnet["id"]
    assert port["fixed_ips"][0]["ip_address"].startswith("10.0.0.")
    assert port["mac_address"].startswith("fa:16:3e:")
    assert port["security_groups"] == [group["id"] for group in groups]
    assert (port["status"], port["project_id"], port["tenant_id"]) == ("DOWN", "red", "red")
    assert "binding:host_id" not in port
    assert (await cloud.get("alice", f"/ports/{port['id']}"))["port"] == port


async def test_a_bound_port_is_active(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network)
    bound = await cloud.change("compute", "port", port["id"], **{"binding:host_id": "host1", "device_id": "vm"})
    assert (bound["status"], bound["binding:vif_type"], bound["binding:host_id"]) == ("ACTIVE", "bridge", "host1")
    down = await cloud.change("alice", "port", port["id"], admin_state_up=False)
    assert down["status"] == "DOWN"
    listed = await cloud.get("compute", "/ports", **{"binding:host_id": "host1", "device_id": ["other", "vm"]})
    assert [found["id"] for found in listed["ports"]] == [port["id"]]


async def test_a_given_address_is_taken_once(cloud: Any) -> None:
    network, subnet = await cloud.network_with_subnet()
    body = {"network_id": network, "fixed_ips": [{"ip_address": "10.0.0.77"}]}
    first = await cloud.make("alice", "port", **body)
    status, kind, message = await cloud.refusal("alice", "POST", "/ports", {"port": body})
    assert (status, kind) == (409, "IpAddressAlreadyAllocated")
    assert message == f"IP address 10.0.0.77 already allocated in subnet {subnet['id']}"
    await cloud.drop("alice", "port", first["id"])
    await cloud.make("alice", "port", **body)


async def test_an_exhausted_pool_says_so_and_a_freed_address_comes_back(cloud: Any) -> None:
    pools = [{"start": "10.0.0.10", "end": "10.0.0.12"}]
    network, _ = await cloud.network_with_subnet(allocation_pools=pools)
    ports = [await cloud.make("alice", "port", network_id=network) for _ in range(3)]
    assert {port["fixed_ips"][0]["ip_address"] for port in ports} == {"10.0.0.10", "10.0.0.11", "10.0.0.12"}
    status, kind, message = await cloud.refusal("alice", "POST", "/ports", {"port": {"network_id": network}})
    assert (status, kind) == (409, "IpAddressGenerationFailure")
    assert message == f"No more IP addresses available on network {network}."
    await cloud.drop("alice", "port", ports[1]["id"])
    again = await cloud.make("alice", "port", network_id=network)
    assert again["fixed_ips"] == ports[1]["fixed_ips"]


async def test_the_bootstrap_network_is_made_once_and_open_to_all(cloud: Any) -> None:
    wanted = BootstrapNetwork(name="private", cidr="10.1.0.0/16", project_id="admins", dns_nameservers=("9.9.9.9",))
    await cloud.app.bootstrap(wanted)
    await cloud.app.bootstrap(wanted)
    (network,) = (await cloud.get("bob", "/networks"))["networks"]
    (subnet,) = (await cloud.get("bob", "/subnets"))["subnets"]
    assert (network["name"], network["shared"], network["mtu"]) == ("private", True, 1500)
    assert (subnet["name"], subnet["gateway_ip"]) == ("private-subnet", "10.1.0.1")
    assert subnet["dns_nameservers"] == ["9.9.9.9"]
    assert network["subnets"] == [subnet["id"]]
    await cloud.make("bob", "port", network_id=network["id"])


async def test_a_mac_stands_once_on_a_network(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    body = {"network_id": network, "mac_address": "FA-16-3E-AA-BB-CC"}
    port = await cloud.make("alice", "port", **body)
    assert port["mac_address"] == "fa:16:3e:aa:bb:cc"
    assert (await cloud.refusal("alice", "POST", "/ports", {"port": body}))[:2] == (409, "MacAddressInUse")
    other = await cloud.make("alice", "network")
    await cloud.make("alice", "port", **{**body, "network_id": other["id"]})


async def test_fixed_addresses_are_chosen_by_subnet_and_changed(cloud: Any) -> None:
    network, subnet = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network, fixed_ips=[{"subnet_id": subnet["id"]}])
    before = port["fixed_ips"]
    path = f"/ports/{port['id']}"
    two = [{"subnet_id": subnet["id"]}, {"ip_address": "10.0.0.200"}]
    port = await cloud.change("alice", "port", port["id"], fixed_ips=two)
    assert sorted(f["ip_address"] for f in port["fixed_ips"]) == sorted([before[0]["ip_address"], "10.0.0.200"])
    port = await cloud.change("alice", "port", port["id"], fixed_ips=[])
    assert port["fixed_ips"] == []
    await cloud.make("alice", "port", network_id=network, fixed_ips=before)
    for wish, kind in (
        ([{"ip_address": "192.168.0.1"}], "InvalidIpForNetwork"),
        ([{"ip_address": "10.0.0.255", "subnet_id": subnet["id"]}], "InvalidIpForSubnet"),
        ([{"ip_address": "10.0.0.9"}, {"ip_address": "10.0.0.9"}], "HTTPBadRequest"),
        ([{"subnet_id": network}], "InvalidInput"),
        ([{"subnet_id": subnet["id"]}] * 6, "InvalidInput"),
    ):
        assert (await cloud.refusal("alice", "PUT", path, {"port": {"fixed_ips": wish}}))[:2] == (400, kind)


async def test_a_member_chooses_little_on_a_network_of_others(cloud: Any) -> None:
    network, subnet = await cloud.network_with_subnet("admin")
    await cloud.change("admin", "network", network, shared=True)
    for name, value in (
        ("mac_address", "fa:16:3e:00:00:09"),
        ("port_security_enabled", False),
        ("allowed_address_pairs", [{"ip_address": "10.0.0.5"}]),
        ("fixed_ips", [{"ip_address": "10.0.0.5"}]),
        ("device_owner", "network:dhcp"),
        ("binding:host_id", "host1"),
        ("binding:profile", {"a": 1}),
    ):
        body = {"port": {"network_id": network, name: value}}
        refused = await cloud.refusal("bob", "POST", "/ports", body)
        assert refused[:2] == (403, "PolicyNotAuthorized"), name
    port = await cloud.make("bob", "port", network_id=network, fixed_ips=[{"subnet_id": subnet["id"]}])
    path = f"/ports/{port['id']}"
    assert (await cloud.refusal("alice", "GET", path))[:2] == (404, "PortNotFound")
    assert (await cloud.refusal("alice", "DELETE", path))[:2] == (404, "PortNotFound")
    refused = await cloud.refusal("bob", "PUT", path, {"port": {"mac_address": "fa:16:3e:00:00:0a"}})
    assert refused[:2] == (403, "PolicyNotAuthorized")
    stranger = await cloud.make("alice", "network")
    body = {"port": {"network_id": stranger["id"]}}
    assert (await cloud.refusal("bob", "POST", "/ports", body))[:2] == (404, "NetworkNotFound")


async def test_port_security_and_groups_exclude_each_other(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    port = await cloud.make("alice", "port", network_id=network)
    path = f"/ports/{port['id']}"
    refused = await cloud.refusal("alice", "PUT", path, {"port": {"port_security_enabled": False}})
    assert refused[:2] == (409, "PortSecurityPortHasSecurityGroup")
    changed = await cloud.change("alice", "port", port["id"], port_security_enabled=False, security_groups=[])
    assert (changed["port_security_enabled"], changed["security_groups"]) == (False, [])
    pairs = {"port": {"allowed_address_pairs": [{"ip_address": "10.0.0.0/28"}]}}
    assert (await cloud.refusal("alice", "PUT", path, pairs))[:2] == (409, "AddressPairAndPortSecurityRequired")
    await cloud.change("alice", "network", network, port_security_enabled=False)
    bare = await cloud.make("alice", "port", network_id=network)
    assert (bare["port_security_enabled"], bare["security_groups"]) == (False, [])


async def test_address_pairs_and_dhcp_options_are_kept(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    options = [{"opt_name": "mtu", "opt_value": "1400"}, {"opt_name": "tftp", "opt_value": "x", "ip_version": 4}]
    pairs = [{"ip_address": "10.0.0.0/28"}, {"ip_address": "10.0.0.99", "mac_address": "fa:16:3e:01:02:03"}]
    port = await cloud.make("alice", "port", network_id=network, extra_dhcp_opts=options, allowed_address_pairs=pairs)
    assert port["allowed_address_pairs"][0] == {"ip_address": "10.0.0.0/28", "mac_address": port["mac_address"]}
    changes = [{"opt_name": "mtu", "opt_value": None}, {"opt_name": "tftp", "opt_value": "y"}]
    changed = await cloud.change("alice", "port", port["id"], extra_dhcp_opts=changes)
    assert changed["extra_dhcp_opts"] == [{"ip_version": 4, "opt_name": "tftp", "opt_value": "y"}]


async def test_ports_are_found_by_address_group_and_device(cloud: Any) -> None:
    network, subnet = await cloud.network_with_subnet()
    group = await cloud.make("alice", "security_group", name="web")
    wanted = await cloud.make(
        "alice",
        "port",
        network_id=network,
        device_id="vm1",
        security_groups=[group["id"]],
        fixed_ips=[{"ip_address": "10.0.0.42"}],
    )
    await cloud.make("alice", "port", network_id=network, device_id="vm2")
    for query in (
        {"fixed_ips": ["ip_address=10.0.0.42", f"subnet_id={subnet['id']}"]},
        {"fixed_ips": "ip_address_substr=0.42"},
        {"security_groups": group["id"]},
        {"device_id": ["vm1", "vm9"]},
        {"mac_address": wanted["mac_address"]},
        {"device_id": "vm1", "tenant_id": "red", "admin_state_up": "true", "unknown": "ignored"},
    ):
        found = (await cloud.get("alice", "/ports", **query))["ports"]
        assert [port["id"] for port in found] == [wanted["id"]], query
    assert (await cloud.get("alice", "/ports", device_id="", fields="id"))["ports"] == []


async def test_who_must_know_is_told_of_each_change_and_of_no_refusal(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    before = len(cloud.told)
    port = await cloud.make("alice", "port", network_id=network)
    await cloud.change("alice", "port", port["id"], name="x")
    await cloud.drop("alice", "port", port["id"])
    assert len(cloud.told) == before + 3
    await cloud.refusal("alice", "DELETE", f"/ports/{port['id']}")
    await cloud.get("alice", "/ports")
    assert len(cloud.told) == before + 3


async def test_a_foreign_security_group_is_not_found(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    group = await cloud.make("bob", "security_group", name="web")
    body = {"port": {"network_id": network, "security_groups": [group["id"]]}}
    assert (await cloud.refusal("alice", "POST", "/ports", body))[:2] == (404, "SecurityGroupNotFound")
