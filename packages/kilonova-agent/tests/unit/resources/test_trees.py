"""The tree that is reported, by what the operator says."""

import msgspec
import pytest
from kilonova_agent.errors import AgentError
from kilonova_driver.types.inventory import Device, NumaNode, Part
from kilonova_messages.providers import provider_id

HOST_ID = "6a1ff2a4-8b5d-4b5e-9e2f-0d3b8a8d3c11"


def pools(place):
    return {pool.resource_class: pool for pool in place.pools}


def parts(tree):
    return {part.name: part for part in tree.inventory.parts}


def test_several_nodes_are_parts_and_ordinary_guests_see_one_host(tree_of):
    tree = tree_of()
    assert {name: pool.total for name, pool in pools(tree.inventory).items()} == {
        "VCPU": 8,
        "MEMORY_MB": 8192,
        "DISK_GB": 100,
    }
    assert parts(tree)["NUMA0"].traits == ("HW_NUMA_ROOT", "CUSTOM_SOCKET_0")
    assert pools(parts(tree)["NUMA0"])["NUMA_MEMORY_MB"].total == 4096
    assert list(parts(tree)) == ["NUMA0", "NUMA1"]


def test_memory_without_processors_is_no_node_that_a_cell_could_be_on(tree_of, machine):
    nodes = (*machine.nodes, NumaNode(number=2, memory_mib=512))
    far = msgspec.structs.replace(machine.pci_devices[0], address="0000:9c:00.0", numa_node=2)
    tree = tree_of(
        msgspec.structs.replace(machine, nodes=nodes, pci_devices=(far,)), pci_devices=[{"vendor_id": "10de"}]
    )
    assert {name: part.parent for name, part in parts(tree).items()} == {"NUMA0": "", "NUMA1": "", "PCI_10DE_1DB6": ""}
    expander = msgspec.structs.replace(machine, nodes=(machine.nodes[0], nodes[2]), pci_devices=())
    assert list(parts(tree_of(expander))) == []


def test_what_the_host_keeps_is_kept_at_its_nodes_too(tree_of):
    kept = {name: pools(part)["NUMA_MEMORY_MB"].reserved for name, part in parts(tree_of()).items()}
    assert kept == {"NUMA0": 256, "NUMA1": 256}
    much = tree_of(reserved={"MEMORY_MB": 7000})
    kept = {name: pools(part)["NUMA_MEMORY_MB"].reserved for name, part in parts(much).items()}
    assert kept == {"NUMA0": 3500, "NUMA1": 3072}


def test_what_is_set_aside_as_huge_pages_is_promised_once(tree_of):
    tree = tree_of(reserved_huge_pages=[{"node": 1, "size_kib": 2048, "count": 12}])
    assert pools(tree.inventory)["MEMORY_MB"].reserved == 512 + 1024
    node = pools(parts(tree)["NUMA1"])
    assert node["NUMA_MEMORY_MB"].total == 3072
    huge = node["CUSTOM_MEMORY_PAGES_2048KB"]
    assert (huge.total, huge.reserved, huge.step_size, huge.min_unit) == (1024, 24, 2, 2)


def test_dedicated_processors_are_at_their_nodes_and_no_longer_shared(tree_of):
    tree = tree_of(cpu_dedicated_set="1-2,5-6")
    assert pools(tree.inventory)["VCPU"].total == 4
    assert "PCPU" not in pools(tree.inventory)
    assert [pools(part)["PCPU"].total for part in tree.inventory.parts] == [2, 2]
    assert "HW_CPU_HYPERTHREADING" in tree.inventory.traits
    assert tree.shared == {0, 3, 4, 7}
    assert tree.seats[provider_id(HOST_ID, "NUMA1")].processors == {2, 6}


@pytest.mark.parametrize("said", [{"cpu_dedicated_set": "2-3,6-7"}, {"cpu_shared_set": "0,4"}])
def test_a_node_without_shared_processors_says_so(tree_of, said):
    there = parts(tree_of(**said))
    assert "CUSTOM_NO_SHARED_PROCESSORS" not in there["NUMA0"].traits
    assert "CUSTOM_NO_SHARED_PROCESSORS" in there["NUMA1"].traits


def test_a_host_without_nodes_as_parts_has_everything_itself(tree_of):
    tree = tree_of(numa="off", cpu_dedicated_set="0-3", pci_devices=[{"vendor_id": "10de"}])
    root = pools(tree.inventory)
    assert (root["PCPU"].total, root["CUSTOM_MEMORY_PAGES_2048KB"].total) == (4, 1024)
    assert {name: part.devices[0].count for name, part in parts(tree).items()} == {"PCI_10DE_1DB6": 3}


@pytest.mark.parametrize(("numa", "there"), [("auto", []), ("on", ["NUMA0"]), ("off", [])])
def test_a_single_node_is_a_part_only_when_wished(tree_of, machine, numa, there):
    one = msgspec.structs.replace(machine, nodes=machine.nodes[:1], pci_devices=())
    assert list(parts(tree_of(one, numa=numa))) == there


def test_devices_of_one_kind_are_one_part_with_a_count_at_their_node(tree_of):
    tree = tree_of(pci_devices=[{"vendor_id": "10DE", "product_id": "1db6"}])
    part = parts(tree)["NUMA1_PCI_10DE_1DB6"]
    assert (part.parent, part.devices) == ("NUMA1", (Device(resource_class="CUSTOM_PCI_10DE_1DB6", count=2),))
    assert parts(tree)["PCI_10DE_1DB6"].parent == ""
    seat = tree.seats[provider_id(HOST_ID, "NUMA1_PCI_10DE_1DB6")]
    assert [one.address for one in seat.devices["CUSTOM_PCI_10DE_1DB6"]] == ["0000:3b:00.0", "0000:3c:00.0"]


def test_the_first_rule_that_fits_names_class_and_traits(tree_of):
    rules = [
        {"address": "3b:*.*", "resource_class": "gpu-v100", "traits": ["nvlink", "HW_GPU_API_VULKAN"]},
        {"vendor_id": "10de", "product_id": "1db6"},
    ]
    found = {
        (part.parent, part.devices[0].resource_class, part.traits)
        for part in tree_of(pci_devices=rules).inventory.parts
        if part.devices
    }
    assert found == {
        ("NUMA1", "CUSTOM_GPU_V100", ("CUSTOM_NVLINK", "HW_GPU_API_VULKAN")),
        ("NUMA1", "CUSTOM_PCI_10DE_1DB6", ()),
        ("", "CUSTOM_PCI_10DE_1DB6", ()),
    }


def test_a_physical_function_is_kept_when_its_virtual_ones_are_given(tree_of, machine):
    virtual = msgspec.structs.replace(machine.pci_devices[0], address="0000:3b:10.0", parent="0000:3b:00.0")
    tree = tree_of(
        msgspec.structs.replace(machine, pci_devices=(machine.pci_devices[0], virtual)),
        pci_devices=[{"vendor_id": "10de"}],
    )
    (part,) = [part for part in tree.inventory.parts if part.devices]
    assert part.devices[0].count == 1
    assert tree.seats[provider_id(HOST_ID, part.name)].devices["CUSTOM_PCI_10DE_1DB6"] == (virtual,)


def test_ratios_and_reserved_amounts_are_the_operators(tree_of):
    root = pools(
        tree_of(allocation_ratios={"VCPU": 16.0}, reserved={"MEMORY_MB": 1024, "DISK_GB": 5}, disk=30).inventory
    )
    assert root["VCPU"].allocation_ratio == 16.0
    assert root["MEMORY_MB"].reserved == 1024 + 1024
    assert root["DISK_GB"].reserved == 5


def test_what_the_system_uses_of_the_disk_is_reserved(tree_of):
    assert pools(tree_of(disk=30).inventory)["DISK_GB"].reserved == 30
    assert pools(tree_of(disk=300).inventory)["DISK_GB"].reserved == 100


def test_providers_of_ones_own_are_added_to_the_host_to_a_part_and_as_parts(tree_of):
    tree = tree_of(
        providers=[
            {"inventories": {"CUSTOM_LICENSE": {"total": 10, "max_unit": 1}}, "traits": ["CUSTOM_COOLED"]},
            {"name": "NUMA0", "traits": ["CUSTOM_NEAR_NVME"]},
            {"name": "fpga", "parent": "NUMA1", "inventories": {"FPGA": {"total": 2}}},
        ]
    )
    assert pools(tree.inventory)["CUSTOM_LICENSE"].max_unit == 1
    assert "CUSTOM_COOLED" in tree.inventory.traits
    assert "CUSTOM_NEAR_NVME" in parts(tree)["NUMA0"].traits
    assert (parts(tree)["fpga"].parent, pools(parts(tree)["fpga"])["FPGA"].total) == ("NUMA1", 2)
    assert provider_id(HOST_ID, "fpga") in tree.seats


def test_whole_machines_of_a_driver_stay_parts(tree_of, machine):
    part = Part(name="rack1-7", devices=(Device(resource_class="CUSTOM_BAREMETAL", count=1),))
    assert part in tree_of(msgspec.structs.replace(machine, parts=(part,))).inventory.parts


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"cpu_dedicated_set": "6-9"}, "`cpu_dedicated_set`: this machine has no processor 8,9"),
        ({"cpu_shared_set": "64"}, "`cpu_shared_set`: this machine has no processor 64"),
        ({"allocation_ratios": {"VGPU": 2.0}}, "`allocation_ratios`: the host itself has no VGPU"),
        ({"reserved": {"PGPU": 1}}, "`reserved`: the host itself has no PGPU"),
        ({"reserved_huge_pages": [{"node": 0, "size_kib": 2048, "count": 1}]}, "node 0 has 0 pages"),
        ({"providers": [{"inventories": {"VCPU": {"total": 1}}}]}, "VCPU is named twice"),
        ({"providers": [{"name": "a", "parent": "b"}]}, "no part b"),
        ({"providers": [{"name": "NUMA0", "parent": "NUMA1"}]}, "part NUMA0 is of the host itself"),
        ({"providers": [{"traits": ["FAST"]}]}, "no such trait: FAST"),
    ],
)
def test_what_this_machine_does_not_have_is_refused_with_the_field(tree_of, said, words):
    with pytest.raises(AgentError, match=words):
        tree_of(**said)


@pytest.mark.parametrize(
    ("said", "field"),
    [({"cpu_dedicated_set": "0"}, "cpu_dedicated_set"), ({"pci_devices": [{"vendor_id": "10de"}]}, "IOMMU")],
)
def test_what_the_driver_cannot_do_is_refused_with_the_field(tree_of, said, field):
    with pytest.raises(AgentError, match=field):
        tree_of(features=frozenset(), **said)


def test_a_host_that_tells_sockets_apart_says_so(tree_of):
    assert "COMPUTE_SOCKET_PCI_NUMA_AFFINITY" in tree_of().inventory.traits
    assert "COMPUTE_SOCKET_PCI_NUMA_AFFINITY" not in tree_of(features=frozenset()).inventory.traits


def test_the_same_host_has_the_same_tree_always(tree_of):
    said = {"cpu_dedicated_set": "0-3", "pci_devices": [{"vendor_id": "10de", "traits": ["a"]}]}
    assert tree_of(**said) == tree_of(**said)
