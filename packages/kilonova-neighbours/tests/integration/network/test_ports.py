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
