"""How this machine is built: its NUMA nodes and PCI devices, as the kernel tells them below /sys.

A kernel without NUMA has one node with everything. What cannot be read is left out: a machine may hide things.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from kilonova_driver.types.inventory import HugePages, NumaNode, PciDevice

_NODE = re.compile(r"node(\d+)")
_PAGES = re.compile(r"hugepages-(\d+)kB")
#: PCI bridges and the like carry others; no guest can have them.
_BRIDGES = "06"


def read_nodes(sys: Path, memory_mib: int) -> tuple[NumaNode, ...]:
    """Every node with processors or memory, by number. ``memory_mib``: the machine's, for a kernel without nodes."""
    numbers = _numbers(sys / "devices/system/node", _NODE)
    if not numbers:
        cpus = _cpu_list(text(sys / "devices/system/cpu/online")) or tuple(range(os.cpu_count() or 1))
        pages = _huge_pages(sys / "kernel/mm/hugepages")
        return (NumaNode(number=0, cores=_cores(sys, cpus), memory_mib=memory_mib, huge_pages=pages),)
    return tuple(_node(sys, number, memory_mib, alone=len(numbers) == 1) for number in numbers)


def _node(sys: Path, number: int, memory_mib: int, *, alone: bool) -> NumaNode:
    home = sys / f"devices/system/node/node{number}"
    cpus = _cpu_list(text(home / "cpulist"))
    socket = text(sys / f"devices/system/cpu/cpu{cpus[0]}/topology/physical_package_id") if cpus else ""
    total = re.search(r"MemTotal:\s+(\d+) kB", text(home / "meminfo"))
    return NumaNode(
        number=number,
        socket=int(socket) if socket.isdigit() else -1,
        cores=_cores(sys, cpus),
        # What the kernel keeps for itself at boot counts for a node, and not for the machine: never more than that.
        memory_mib=memory_mib if alone else min(int(total[1]) // 1024 if total else 0, memory_mib),
        huge_pages=_huge_pages(home / "hugepages"),
    )


def _cores(sys: Path, cpus: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The processors by core; one whose siblings are not told is a core of its own."""
    found: dict[tuple[int, ...], None] = {}
    for cpu in cpus:
        siblings = _cpu_list(text(sys / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"))
        here = tuple(sibling for sibling in siblings if sibling in cpus)
        found[here if cpu in here else (cpu,)] = None
    return tuple(found)


def _huge_pages(directory: Path) -> tuple[HugePages, ...]:
    """The sizes of which the kernel has set pages aside."""
    totals = ((size, text(directory / f"hugepages-{size}kB/nr_hugepages")) for size in _numbers(directory, _PAGES))
    return tuple(HugePages(size_kib=size, total=int(total)) for size, total in totals if total.isdigit() and int(total))


def _cpu_list(written: str) -> tuple[int, ...]:
    """Read the kernel's form of a set of processors: ``0-3,8``."""
    found: list[int] = []
    for part in filter(None, written.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def read_pci_devices(sys: Path, nodes: tuple[NumaNode, ...]) -> tuple[PciDevice, ...]:
    """The devices that could be handed to a guest: those with an IOMMU group. By address."""
    known = {node.number for node in nodes}
    return tuple(_pci_devices(sys / "bus/pci/devices", known))


def _pci_devices(directory: Path, nodes: set[int]) -> Iterator[PciDevice]:
    for home in sorted(directory.iterdir()) if directory.is_dir() else ():
        group, kind = link(home / "iommu_group"), text(home / "class").removeprefix("0x")
        vendor, product = (text(home / name).removeprefix("0x") for name in ("vendor", "device"))
        if not group or not vendor or not product or kind.startswith(_BRIDGES):
            continue
        node = int(text(home / "numa_node") or -1)
        yield PciDevice(
            address=home.name,
            vendor_id=vendor,
            product_id=product,
            class_code=kind,
            numa_node=node if node in nodes else -1,
            group=group,
            parent=link(home / "physfn"),
        )


def _numbers(directory: Path, pattern: re.Pattern[str]) -> list[int]:
    names = (path.name for path in directory.iterdir()) if directory.is_dir() else ()
    return sorted(int(found[1]) for name in names if (found := pattern.fullmatch(name)))


def link(path: Path) -> str:
    """The name of what a link leads to; empty when there is none."""
    try:
        return path.readlink().name
    except OSError:
        return ""


def text(path: Path) -> str:
    """What a file says; empty when it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
