"""Whether an inventory can be true: names, trees, amounts. Pure; each finding is a sentence that names the place.

Used by the conformance kit on any driver, by the fake driver on files that people write, by the agent on what an
operator's file adds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

from kilonova_driver.types.inventory import Device, Inventory, NumaNode, Part, PciDevice, Pool

#: The classes of os-resource-classes 1.1; others begin with CUSTOM_.
STANDARD_CLASSES = frozenset(
    [
        "VCPU",
        "MEMORY_MB",
        "DISK_GB",
        "PCI_DEVICE",
        "SRIOV_NET_VF",
        "NUMA_SOCKET",
        "NUMA_CORE",
        "NUMA_THREAD",
        "NUMA_MEMORY_MB",
        "IPV4_ADDRESS",
        "VGPU",
        "VGPU_DISPLAY_HEAD",
        "NET_BW_EGR_KILOBIT_PER_SEC",
        "NET_BW_IGR_KILOBIT_PER_SEC",
        "PCPU",
        "MEM_ENCRYPTION_CONTEXT",
        "FPGA",
        "PGPU",
        "NET_PACKET_RATE_KILOPACKET_PER_SEC",
        "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
        "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
    ]
)
_CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]{1,248}")
#: The families of os-traits; others begin with CUSTOM_.
_TRAIT = re.compile(r"(CUSTOM|COMPUTE|HW|STORAGE|MISC|OWNER)_[A-Z0-9_]{1,248}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
_ID = re.compile(r"[0-9a-f]{4}")
_LARGEST = 2**53
Thing = TypeVar("Thing", bound=Hashable)


def faults(inventory: Inventory) -> list[str]:
    """Everything that cannot be; empty when the inventory is sound."""
    return [
        *_own(inventory.pools, inventory.devices, inventory.traits, ""),
        *_parts(inventory.parts),
        *_nodes(inventory.nodes),
        *_pci_devices(inventory),
    ]


def is_class(name: str) -> bool:
    """Whether this can be a resource class."""
    return name in STANDARD_CLASSES or bool(_CUSTOM.fullmatch(name))


def is_trait(name: str) -> bool:
    """Whether this can be a trait."""
    return bool(_TRAIT.fullmatch(name))


def _own(pools: Iterable[Pool], devices: Iterable[Device], traits: Iterable[str], place: str) -> Iterator[str]:
    """What a provider itself has: the root, or a part."""
    of = f" of {place}" if place else ""
    classes = [*(pool.resource_class for pool in pools), *(device.resource_class for device in devices)]
    yield from (f"no such resource class: {name}{of}" for name in classes if not is_class(name))
    yield from (f"no such trait: {trait}{of}" for trait in traits if not is_trait(trait))
    yield from (f"the class {name}{of} is named twice" for name in _twice(classes))
    yield from (f"the trait {name}{of} is named twice" for name in _twice(traits))
    for pool in pools:
        yield from (f"{pool.resource_class}{of}: {fault}" for fault in _amounts(pool))
    for device in devices:
        if not 1 <= device.count <= _LARGEST:
            yield f"{device.resource_class}{of}: a count of {device.count}"


def _amounts(pool: Pool) -> Iterator[str]:
    if not 1 <= pool.total <= _LARGEST:
        yield f"a total of {pool.total}"
    if not 0 <= pool.reserved <= pool.total:
        yield f"{pool.reserved} of {pool.total} reserved"
    if pool.min_unit < 1 or pool.step_size < 1 or not 0 < pool.allocation_ratio < float("inf"):
        yield f"min_unit {pool.min_unit}, step_size {pool.step_size}, allocation_ratio {pool.allocation_ratio}"
    if not 0 <= pool.max_unit <= pool.total:
        yield f"max_unit {pool.max_unit} of {pool.total}"


def _parts(parts: tuple[Part, ...]) -> Iterator[str]:
    parents = {part.name: part.parent for part in parts}
    yield from (f"the part {name} is named twice" for name in _twice(part.name for part in parts))
    for part in parts:
        if not _PART.fullmatch(part.name):
            yield f"part {part.name!r}: a name has letters, digits, '_', '.', ':' and '-', 100 at most"
        if part.parent and part.parent not in parents:
            yield f"part {part.name}: there is no part {part.parent} that it could be of"
        elif _is_its_own_ancestor(part.name, parents):
            yield f"part {part.name}: it is a part of itself"
        yield from _own(part.pools, part.devices, part.traits, f"part {part.name}")


def _is_its_own_ancestor(name: str, parents: dict[str, str]) -> bool:
    seen, above = {name}, parents[name]
    while above in parents:
        if above in seen:
            return True
        seen.add(above)
        above = parents[above]
    return False


def _nodes(nodes: tuple[NumaNode, ...]) -> Iterator[str]:
    yield from (f"node {number} is named twice" for number in _twice(node.number for node in nodes))
    for cpu in _twice(cpu for node in nodes for core in node.cores for cpu in core):
        yield f"processor {cpu} is in two cores, or in two nodes"
    for node in nodes:
        if node.number < 0 or any(cpu < 0 for cpu in node.cpus) or not all(node.cores):
            yield f"node {node.number}: a negative number, or a core without a processor"
        yield from (f"node {node.number}: pages of {size} KiB are named twice" for size in _page_sizes_twice(node))
        if any(pages.size_kib < 1 or pages.total < 0 for pages in node.huge_pages):
            yield f"node {node.number}: pages of no size, or fewer than none"
        if not 0 <= node.huge_pages_mib <= node.memory_mib:
            yield f"node {node.number}: {node.huge_pages_mib} MiB of huge pages in {node.memory_mib} MiB of memory"


def _page_sizes_twice(node: NumaNode) -> list[int]:
    return _twice(pages.size_kib for pages in node.huge_pages)


def _pci_devices(inventory: Inventory) -> Iterator[str]:
    numbers = {-1, *(node.number for node in inventory.nodes)}
    yield from (f"PCI device {name} is named twice" for name in _twice(one.address for one in inventory.pci_devices))
    for device in inventory.pci_devices:
        yield from (f"PCI device {device.address!r}: {fault}" for fault in _pci_device(device, numbers))


def _pci_device(device: PciDevice, nodes: set[int]) -> Iterator[str]:
    if not _ADDRESS.fullmatch(device.address):
        yield "an address is like 0000:3b:00.0"
    if not _ID.fullmatch(device.vendor_id) or not _ID.fullmatch(device.product_id):
        yield f"vendor {device.vendor_id!r} and product {device.product_id!r} are not four hexadecimal digits each"
    if device.numa_node not in nodes:
        yield f"it is at node {device.numa_node}, which is not here"


def _twice(things: Iterable[Thing]) -> list[Thing]:
    return [thing for thing, count in Counter(things).items() if count > 1]
