"""Hosts with an inside: processors of one's own, nodes and devices are claimed where they are, and given from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud.simulated import SimulatedCloud
from cloud.waiting import wait_until

#: Two nodes of eight threads each, one card on each, and two whole machines.
MACHINE = """
version = 2
pools = [
  {resource_class = "VCPU", total = 16, allocation_ratio = 4.0},
  {resource_class = "MEMORY_MB", total = 32768},
  {resource_class = "DISK_GB", total = 1000},
]
parts = [
  {name = "rack-1", devices = [{resource_class = "CUSTOM_BAREMETAL", count = 1}]},
  {name = "rack-2", devices = [{resource_class = "CUSTOM_BAREMETAL", count = 1}]},
]
[[nodes]]
number = 0
socket = 0
cores = [[0, 8], [1, 9], [2, 10], [3, 11]]
memory_mib = 16384
huge_pages = [{size_kib = 2048, total = 1024}]
[[nodes]]
number = 1
socket = 1
cores = [[4, 12], [5, 13], [6, 14], [7, 15]]
memory_mib = 16384
[[pci_devices]]
address = "0000:3b:00.0"
vendor_id = "10de"
product_id = "1db6"
numa_node = 0
[[pci_devices]]
address = "0000:af:00.0"
vendor_id = "10de"
product_id = "1db6"
numa_node = 1
"""
SAID = """
cpu_dedicated_set = "1-3,9-11,5-7,13-15"
[allocation_ratios]
VCPU = 2.0
[[pci_devices]]
vendor_id = "10de"
product_id = "1db6"
[[providers]]
traits = ["CUSTOM_LIQUID_COOLED"]
[providers.inventories]
CUSTOM_LICENSE = { total = 3 }
"""


@pytest.fixture(scope="module")
def tree_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedCloud]:
    root = tmp_path_factory.mktemp("trees")
    (root / "machine.toml").write_text(MACHINE)
    options = {"inventory_file": str(root / "machine.toml")}
    with SimulatedCloud(root / "cloud", hosts=1, cells=1, driver_options=options, host_file=SAID) as running:
        yield running


def placement(cloud: SimulatedCloud, path: str) -> Any:
    headers = {"OpenStack-API-Version": "placement 1.39"}
    return cloud.admin.get(f"/placement/{path}", headers=headers)


def providers(cloud: SimulatedCloud) -> dict[str, dict[str, Any]]:
    """Every provider, by its name without the host's."""
    (host,) = cloud.host_names
    found = placement(cloud, "resource_providers")["resource_providers"]
    return {one["name"].removeprefix(host).removeprefix("_"): one for one in found}


def claimed(cloud: SimulatedCloud, server_id: str) -> dict[str, dict[str, int]]:
    """What a server holds, by part of the host."""
    names = {one["uuid"]: name for name, one in providers(cloud).items()}
    found = placement(cloud, f"allocations/{server_id}")["allocations"]
    return {names[provider_id]: one["resources"] for provider_id, one in found.items()}


def test_the_host_is_a_tree_with_what_each_part_has(tree_cloud: SimulatedCloud) -> None:
    found = providers(tree_cloud)
    assert set(found) == {
        "", "NUMA0", "NUMA1", "NUMA0_PCI_10DE_1DB6", "NUMA1_PCI_10DE_1DB6", "rack-1", "rack-2",
    }  # fmt: skip
    inventories = {
        name: placement(tree_cloud, f"resource_providers/{one['uuid']}/inventories")["inventories"]
        for name, one in found.items()
    }
    totals = {name: {key: one["total"] for key, one in own.items()} for name, own in inventories.items()}
    assert totals[""] == {"VCPU": 4, "MEMORY_MB": 32768, "DISK_GB": 1000, "CUSTOM_LICENSE": 3}
    assert totals["NUMA0"] == {"PCPU": 6, "NUMA_MEMORY_MB": 14336, "CUSTOM_MEMORY_PAGES_2048KB": 2048}
    assert totals["NUMA1"] == {"PCPU": 6, "NUMA_MEMORY_MB": 16384}
    assert totals["NUMA1_PCI_10DE_1DB6"] == {"CUSTOM_PCI_10DE_1DB6": 1}
    assert totals["rack-2"] == {"CUSTOM_BAREMETAL": 1}
    assert inventories[""]["VCPU"]["allocation_ratio"] == 2.0
    assert inventories[""]["MEMORY_MB"]["reserved"] == 2048
    assert found["NUMA1_PCI_10DE_1DB6"]["parent_provider_uuid"] == found["NUMA1"]["uuid"]
    traits = {
        name: set(placement(tree_cloud, f"resource_providers/{one['uuid']}/traits")["traits"])
        for name, one in found.items()
    }
    assert traits["NUMA0"] == {"HW_NUMA_ROOT", "CUSTOM_SOCKET_0"}
    assert {"CUSTOM_LIQUID_COOLED", "HW_CPU_HYPERTHREADING", "COMPUTE_NODE"} <= traits[""]


def test_processors_of_ones_own_are_claimed_at_a_node_and_pinned_there(tree_cloud: SimulatedCloud) -> None:
    demo = tree_cloud.demo
    servers = [demo.create_active(f"own-{number}", flavor="vcpus=4,pcpus=4,ram=256,disk=1") for number in range(2)]
    places = [claimed(tree_cloud, server.id) for server in servers]
    assert all(place[""] == {"MEMORY_MB": 256, "DISK_GB": 1} for place in places)
    nodes = sorted(name for place in places for name in place if name)
    assert nodes == ["NUMA0", "NUMA1"]
    specs = [tree_cloud.host_of(server).specs()[server.id] for server in servers]
    pinned = [{cpu for pin in spec.layout.pins for cpu in pin.host_cpus} for spec in specs]
    assert [len(cpus) for cpus in pinned] == [4, 4]
    assert not pinned[0] & pinned[1]
    assert pinned[0] | pinned[1] <= {1, 2, 3, 9, 10, 11, 5, 6, 7, 13, 14, 15}
    demo.delete_and_wait(*servers)


def test_pins_stay_when_the_agent_is_killed_and_no_other_guest_gets_them(tree_cloud: SimulatedCloud) -> None:
    demo = tree_cloud.demo
    server = demo.create_active("stays", flavor="vcpus=2,pcpus=2,ram=256,disk=1")
    host = tree_cloud.host_of(server)
    before = host.specs()[server.id].layout
    tree_cloud.wait_back("agent", tree_cloud.kill("agent"))
    others = [demo.create_active(f"beside-{number}", flavor="vcpus=2,pcpus=2,ram=256,disk=1") for number in range(5)]
    demo.do(server, "os-stop")
    demo.wait_for(server, "SHUTOFF")
    demo.do(server, "os-start")
    demo.wait_for(server, "ACTIVE")
    specs = host.specs()
    assert specs[server.id].layout == before
    taken = [cpu for one in (server, *others) for pin in specs[one.id].layout.pins for cpu in pin.host_cpus]
    assert len(taken) == len(set(taken)) == 12
    demo.delete_and_wait(server, *others)


def test_ordinary_servers_stay_off_processors_that_are_somebodys_own(tree_cloud: SimulatedCloud) -> None:
    demo = tree_cloud.demo
    server = demo.create_active("shared")
    layout = tree_cloud.host_of(server).specs()[server.id].layout
    assert {pin.host_cpus for pin in layout.pins} == {(0, 4, 8, 12)}
    assert claimed(tree_cloud, server.id).keys() == {""}
    demo.delete_and_wait(server)


def test_a_device_is_claimed_at_its_part_and_handed_over_once(tree_cloud: SimulatedCloud) -> None:
    demo = tree_cloud.demo
    servers = [
        demo.create_active(f"card-{number}", flavor="vcpus=1,ram=64,disk=1,device:CUSTOM_PCI_10DE_1DB6=1")
        for number in range(2)
    ]
    parts = {name for server in servers for name in claimed(tree_cloud, server.id) if name}
    assert parts == {"NUMA0_PCI_10DE_1DB6", "NUMA1_PCI_10DE_1DB6"}
    handed = {tree_cloud.host_of(one).specs()[one.id].devices[0].address for one in servers}
    assert handed == {"0000:3b:00.0", "0000:af:00.0"}
    third = demo.create("card-3", flavor="vcpus=1,ram=64,disk=1,device:CUSTOM_PCI_10DE_1DB6=1")
    assert "CUSTOM_PCI_10DE_1DB6" in demo.wait_for(third, "ERROR").reason
    demo.delete_and_wait(*servers, third)


def test_cells_of_a_guest_get_nodes_and_huge_pages_of_the_host(tree_cloud: SimulatedCloud) -> None:
    demo = tree_cloud.demo
    wide = demo.create_active("wide", flavor="vcpus=2,ram=512,disk=1,numa=2")
    assert {name: own["NUMA_MEMORY_MB"] for name, own in claimed(tree_cloud, wide.id).items() if name} == {
        "NUMA0": 256,
        "NUMA1": 256,
    }
    cells = tree_cloud.host_of(wide).specs()[wide.id].layout.cells
    assert {cell.host_node for cell in cells} == {0, 1}
    huge = demo.create_active("huge", flavor="vcpus=1,ram=512,disk=1,pages=large")
    assert claimed(tree_cloud, huge.id)["NUMA0"] == {"CUSTOM_MEMORY_PAGES_2048KB": 512}
    (cell,) = tree_cloud.host_of(huge).specs()[huge.id].layout.cells
    assert (cell.host_node, cell.page_size_kib) == (0, 2048)
    demo.delete_and_wait(wide, huge)


def test_a_host_that_changes_inside_changes_in_placement(
    make_cloud: Callable[..., SimulatedCloud], tmp_path: Path
) -> None:
    (tmp_path / "machine.toml").write_text(MACHINE)
    cloud = make_cloud(hosts=1, cells=1, driver_options={"inventory_file": str(tmp_path / "machine.toml")})
    ids = {name: one["uuid"] for name, one in providers(cloud).items()}
    assert set(ids) == {"", "NUMA0", "NUMA1", "rack-1", "rack-2"}
    (data,) = [host.data for host in cloud.all_hosts()]
    (data / "host.toml").write_text('numa = "off"\n')
    cloud.wait_back("agent", cloud.kill("agent"))
    wait_until("the nodes to be parts no longer", lambda: set(providers(cloud)) == {"", "rack-1", "rack-2"})
    (data / "host.toml").unlink()
    cloud.wait_back("agent", cloud.kill("agent"))
    wait_until("the nodes to be parts again", lambda: "NUMA1" in providers(cloud))
    assert {name: one["uuid"] for name, one in providers(cloud).items()} == ids
