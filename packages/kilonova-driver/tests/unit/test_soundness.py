"""What an inventory cannot be, by table, and what an older one is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from kilonova_driver.soundness import STANDARD_CLASSES, faults
from kilonova_driver.types.inventory import Device, HugePages, Inventory, NumaNode, Part, PciDevice, Pool

NODE = NumaNode(number=0, cores=((0, 4), (1, 5)), memory_mib=4096, huge_pages=(HugePages(size_kib=2048, total=512),))
GPU = PciDevice(address="0000:3b:00.0", vendor_id="10de", product_id="1db6", numa_node=0)
MACHINE = Part(name="machine-1", devices=(Device(resource_class="CUSTOM_BAREMETAL_LARGE", count=1),))


def inventory(**changes: Any) -> Inventory:
    whole = Inventory(
        pools=(Pool(resource_class="VCPU", total=4),), nodes=(NODE,), pci_devices=(GPU,), parts=(MACHINE,), version=2
    )
    return msgspec.structs.replace(whole, **changes)


def test_a_whole_tree_is_sound() -> None:
    assert not faults(inventory())
    assert NODE.cpus == (0, 1, 4, 5)
    assert NODE.huge_pages_mib == 1024


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"pools": (Pool(resource_class="CORES", total=1),)}, "CORES"),
        ({"pools": (Pool(resource_class="VCPU", total=1), Pool(resource_class="VCPU", total=2))}, "twice"),
        ({"pools": (Pool(resource_class="VCPU", total=0),)}, "a total of 0"),
        ({"pools": (Pool(resource_class="VCPU", total=1, reserved=2),)}, "2 of 1 reserved"),
        ({"pools": (Pool(resource_class="VCPU", total=1, allocation_ratio=float("inf")),)}, "allocation_ratio inf"),
        ({"devices": (Device(resource_class="CUSTOM_X", count=0),)}, "count of 0"),
        ({"traits": ("FAST",)}, "FAST"),
        ({"traits": ("CUSTOM_A", "CUSTOM_A")}, "twice"),
        ({"parts": (Part(name="a b"),)}, "'a b'"),
        ({"parts": (Part(name="a"), Part(name="a"))}, "part a is named twice"),
        ({"parts": (Part(name="a", parent="b"),)}, "no part b"),
        ({"parts": (Part(name="a", parent="b"), Part(name="b", parent="a"))}, "part of itself"),
        ({"parts": (Part(name="a", traits=("FAST",)),)}, "FAST of part a"),
        ({"nodes": (NODE, NODE)}, "node 0 is named twice"),
        ({"nodes": (NumaNode(number=0, cores=((0,), (0,))),)}, "processor 0"),
        ({"nodes": (NumaNode(number=0, cores=((),)),)}, "without a processor"),
        ({"nodes": (NumaNode(number=0, huge_pages=(HugePages(size_kib=1048576, total=1),)),)}, "1024 MiB of huge"),
        ({"pci_devices": (GPU, GPU)}, "3b:00.0 is named twice"),
        ({"pci_devices": (PciDevice(address="3b:00.0", vendor_id="10de", product_id="1db6"),)}, "address"),
        ({"pci_devices": (PciDevice(address="0000:3b:00.0", vendor_id="10DE", product_id="x"),)}, "10DE"),
        ({"nodes": ()}, "node 0, which is not here"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(changes: dict[str, Any], word: str) -> None:
    assert any(word in fault for fault in faults(inventory(**changes)))


def test_the_standard_classes_are_those_of_the_library() -> None:
    library = pytest.importorskip("os_resource_classes")
    assert set(library.STANDARDS) == STANDARD_CLASSES


def test_an_inventory_of_before_reads_and_a_newer_one_too() -> None:
    old = b'{"pools": [{"resource_class": "VCPU", "total": 2}], "traits": ["CUSTOM_A"]}'
    read = msgspec.json.decode(old, type=Inventory)
    assert (read.version, read.nodes, read.parts, read.pools[0].total) == (1, (), (), 2)
    newer = msgspec.json.encode({**msgspec.to_builtins(inventory()), "version": 3, "moons": 2})
    assert msgspec.json.decode(newer, type=Inventory).parts == (MACHINE,)
