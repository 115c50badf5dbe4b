"""Hosts as trees in placement: parts come, change, and go; those with claims stay until nobody holds them."""

from typing import Any

import msgspec
from kilonova_compute.external.host_trees import parents_first
from kilonova_compute.model.aggregate_rules import HostRules
from kilonova_compute.model.hosts import Host
from kilonova_driver.types.inventory import Device, Inventory, Part, Pool
from kilonova_messages.providers import provider_id
from kilonova_placement.model.claims import Owner
from kilonova_placement.model.providers import ProviderReport
from kilonova_placement.model.requests import DeviceWish, Request

NODE = Part(name="NUMA0", pools=(Pool(resource_class="PCPU", total=4),), traits=("HW_NUMA_ROOT",))
GPUS = Part(name="NUMA0_GPU", parent="NUMA0", devices=(Device(resource_class="CUSTOM_GPU", count=2),))
OWNER = Owner(name="server:s1", project_id="home", user_id="u")


async def report(cloud: Any, host: Host, *parts: Part) -> None:
    inventory = msgspec.structs.replace(msgspec.convert(host.inventory, Inventory), parts=parts)
    await cloud.compute.placement.report_host(host, inventory, HostRules())


async def tree(cloud: Any, host: Host) -> dict[str, Any]:
    """The providers of the host's tree, without the host itself, by name."""
    found = await cloud.compute.placement._client.tree(host.id)
    return {use.provider.name: use.provider for use in found if use.provider.provider_id != host.id}


async def claim(cloud: Any, request: Request) -> Any:
    (claimed,) = await cloud.compute.placement._client.claim(request, [OWNER], ["c1"])
    return claimed


async def test_parts_are_entered_below_their_parents_under_ids_that_stay(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    await report(cloud, host, GPUS, NODE)
    found = await tree(cloud, host)
    node, gpus = found["alpha_NUMA0"], found["alpha_NUMA0_GPU"]
    assert (node.provider_id, node.parent_id) == (provider_id(host.id, "NUMA0"), host.id)
    assert (gpus.parent_id, gpus.root_id, gpus.cell) == (node.provider_id, host.id, "cell1")
    assert (node.traits, node.inventories["PCPU"].total) == (("HW_NUMA_ROOT",), 4)
    await report(cloud, host, NODE, GPUS)
    assert await tree(cloud, host) == found
    fewer = msgspec.structs.replace(GPUS, devices=(Device(resource_class="CUSTOM_GPU", count=1),), traits=("CUSTOM_A",))
    await report(cloud, host, NODE, fewer)
    changed = (await tree(cloud, host))["alpha_NUMA0_GPU"]
    assert (changed.inventories["CUSTOM_GPU"].total, changed.traits) == (1, ("CUSTOM_A",))


async def test_what_a_host_has_no_longer_goes_children_first(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    await report(cloud, host, NODE, GPUS)
    await report(cloud, host)
    assert not await tree(cloud, host)


async def test_a_part_with_claims_stays_with_nothing_to_give_until_they_are_gone(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    await report(cloud, host, NODE, GPUS)
    claimed = await claim(cloud, Request(devices=(DeviceWish(resource_class="CUSTOM_GPU"),)))
    assert [part.provider_id for part in claimed.providers] == [provider_id(host.id, "NUMA0_GPU")]
    await report(cloud, host)
    left = (await tree(cloud, host))["alpha_NUMA0_GPU"].inventories["CUSTOM_GPU"]
    assert (left.total, left.capacity) == (2, 0)
    await report(cloud, host, NODE, GPUS)
    assert (await tree(cloud, host))["alpha_NUMA0_GPU"].inventories["CUSTOM_GPU"].capacity == 2
    await report(cloud, host)
    await cloud.compute.placement.release("c1")
    await report(cloud, host)
    assert not await tree(cloud, host)


async def test_processors_for_one_guest_are_claimed_at_their_node_and_the_rest_at_the_host(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    await report(cloud, host, NODE)
    claimed = await claim(cloud, Request(resources={"PCPU": 2, "MEMORY_MB": 512}))
    amounts = {part.provider_id: part.amounts for part in claimed.providers}
    assert amounts == {host.id: {"MEMORY_MB": 512}, provider_id(host.id, "NUMA0"): {"PCPU": 2}}


async def test_the_hypervisors_view_counts_what_its_parts_have_and_give(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    inventory = msgspec.structs.replace(msgspec.convert(host.inventory, Inventory), parts=(NODE,))
    cloud.compute.hosts[host.id] = msgspec.structs.replace(host, inventory=msgspec.to_builtins(inventory))
    await report(cloud, host, NODE)
    await claim(cloud, Request(resources={"PCPU": 2, "VCPU": 1}))
    (seen,) = (await cloud.get("/os-hypervisors/detail"))["hypervisors"]
    assert (seen["vcpus"], seen["vcpus_used"]) == (12, 3)


async def test_what_an_operator_hung_below_a_host_stays(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    client = cloud.compute.placement._client
    shelf = {"name": "shelf", "parent_provider_uuid": host.id}
    headers = {"OpenStack-API-Version": "placement 1.39"}
    assert (await client._service.request("POST", "/resource_providers", json=shelf, headers=headers)).status == 200
    await report(cloud, host, NODE)
    await report(cloud, host)
    assert list(await tree(cloud, host)) == ["shelf"]
    await client.put_provider(provider_id(host.id, "x"), ProviderReport(name="alpha_x", parent_id=host.id))
    await report(cloud, host)
    assert list(await tree(cloud, host)) == ["shelf"]


async def test_a_part_may_move_to_another_parent_and_names_of_others_stay_theirs(cloud: Any, caplog: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    await cloud.add_host("alpha_x", 2)
    shelf, moved = Part(name="shelf"), Part(name="card", parent="shelf")
    await report(cloud, host, NODE, shelf, Part(name="card", parent="NUMA0"))
    await report(cloud, host, NODE, Part(name="x"), shelf, moved)
    found = await tree(cloud, host)
    assert found["alpha_card"].parent_id == provider_id(host.id, "shelf")
    assert set(found) == {"alpha_NUMA0", "alpha_card", "alpha_shelf"}
    assert "alpha_x cannot be entered" in caplog.text


async def test_a_host_that_is_deleted_takes_its_parts_along(cloud: Any) -> None:
    host = await cloud.add_host("alpha", 1)
    await report(cloud, host, NODE, GPUS)
    await cloud.compute.placement.remove_host(host.id)
    assert await cloud.compute.placement._client.tree(host.id) == ()


def test_parts_in_a_circle_are_not_entered() -> None:
    circle = (Part(name="a", parent="b"), Part(name="b", parent="a"), NODE)
    assert list(parents_first(circle)) == [NODE]
