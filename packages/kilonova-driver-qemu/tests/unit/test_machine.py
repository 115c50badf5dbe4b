"""A machine as /sys tells it: nodes, cores, huge pages, devices."""

from __future__ import annotations

from pathlib import Path

from kilonova_driver.soundness import faults
from kilonova_driver.types.inventory import HugePages, Inventory, Pool
from kilonova_driver_qemu.inventory import measure
from kilonova_driver_qemu.machine import read_nodes, read_pci_devices


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def two_sockets(sys: Path) -> Path:
    """Two nodes with two cores of two threads each, huge pages on the second, a device there."""
    for node, cpus in enumerate(("0-1,4-5", "2-3,6-7")):
        home = sys / f"devices/system/node/node{node}"
        write(home / "cpulist", cpus)
        write(home / "meminfo", f"Node {node} MemTotal:       4194304 kB\nNode {node} MemFree: 1 kB")
        write(home / "hugepages/hugepages-2048kB/nr_hugepages", "512" if node else "0")
    for cpu in range(8):
        topology = sys / f"devices/system/cpu/cpu{cpu}/topology"
        write(topology / "thread_siblings_list", f"{cpu % 4},{cpu % 4 + 4}")
        write(topology / "physical_package_id", str(cpu % 4 // 2))
    add_device(sys, "0000:3b:00.0", "0x030200", node="1", group="7")
    add_device(sys, "0000:00:01.0", "0x060400", node="0", group="1")
    add_device(sys, "0000:00:02.0", "0x020000", node="-1")
    return sys


def add_device(sys: Path, address: str, kind: str, *, node: str, group: str = "") -> None:
    home = sys / "bus/pci/devices" / address
    for name, text in (("vendor", "0x10de"), ("device", "0x1db6"), ("class", kind), ("numa_node", node)):
        write(home / name, text)
    if group:
        (home / "iommu_group").symlink_to(f"../../../kernel/iommu_groups/{group}")


def test_nodes_have_their_cores_memory_and_huge_pages(tmp_path: Path) -> None:
    first, second = read_nodes(two_sockets(tmp_path), 8192)
    assert first.cores == ((0, 4), (1, 5))
    assert (first.memory_mib, first.huge_pages) == (4096, ())
    assert (first.socket, second.socket) == (0, 1)
    assert second.cpus == (2, 3, 6, 7)
    assert second.huge_pages == (HugePages(size_kib=2048, total=512),)


def test_a_kernel_without_nodes_has_one_with_everything(tmp_path: Path) -> None:
    write(tmp_path / "devices/system/cpu/online", "0-2")
    (node,) = read_nodes(tmp_path, 1024)
    assert (node.number, node.cores, node.memory_mib) == (0, ((0,), (1,), (2,)), 1024)


def test_devices_are_those_that_a_guest_could_have(tmp_path: Path) -> None:
    sys = two_sockets(tmp_path)
    (device,) = read_pci_devices(sys, read_nodes(sys, 8192))
    assert (device.address, device.vendor_id, device.product_id) == ("0000:3b:00.0", "10de", "1db6")
    assert (device.class_code, device.numa_node, device.group) == ("030200", 1, "7")


def test_a_virtual_function_names_its_parent(tmp_path: Path) -> None:
    add_device(tmp_path, "0000:3b:00.0", "0x020000", node="0", group="7")
    add_device(tmp_path, "0000:3b:10.0", "0x020000", node="0", group="8")
    (tmp_path / "bus/pci/devices/0000:3b:10.0/physfn").symlink_to("../0000:3b:00.0")
    assert [device.parent for device in read_pci_devices(tmp_path, ())] == ["", "0000:3b:00.0"]


def test_what_is_told_of_a_machine_is_sound(tmp_path: Path) -> None:
    sys = two_sockets(tmp_path)
    nodes = read_nodes(sys, 8192)
    pools = (Pool(resource_class="VCPU", total=8),)
    assert not faults(Inventory(pools=pools, nodes=nodes, pci_devices=read_pci_devices(sys, nodes)))


def test_this_very_machine_is_sound(tmp_path: Path) -> None:
    inventory = measure(tmp_path, (7, 2, 0))
    assert not faults(inventory)
    assert sum(len(node.cpus) for node in inventory.nodes) == inventory.pools[0].total
