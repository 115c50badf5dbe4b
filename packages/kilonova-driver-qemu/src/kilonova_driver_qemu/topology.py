"""What the guest sees of its processors, memory and devices: pure, from the spec's layout to options of QEMU.

Without a layout there is one socket per vCPU and one piece of memory. Each cell of a layout is a NUMA node of the guest
with a memory backend of its own: bound to a node of the host, or made of huge pages, where the cell says so. Huge pages
come as a memfd, since the process has no right to any path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kilonova_driver.types.guests import CpuTopology, GuestCell, GuestSpec


def has_siblings(spec: GuestSpec) -> bool:
    """Whether the guest's cores have several threads."""
    return spec.layout.topology is not None and spec.layout.topology.threads > 1


def processors_and_memory(spec: GuestSpec) -> Iterator[str]:
    """``-smp``, ``-m``, and the guest's NUMA nodes."""
    shape = spec.layout.topology or CpuTopology(sockets=spec.vcpus)
    yield from ("-smp", f"{spec.vcpus},sockets={shape.sockets},cores={shape.cores},threads={shape.threads}")
    yield from ("-m", f"size={spec.memory_mib}M")
    for number, cell in enumerate(spec.layout.cells):
        yield from ("-object", _memory(cell, number))
        cpus = "".join(f",cpus={first}-{last}" for first, last in _runs(cell.cpus))
        yield from ("-numa", f"node,nodeid={number},memdev=ram{number}{cpus}")


def _memory(cell: GuestCell, number: int) -> str:
    plain = f"id=ram{number},size={cell.memory_mib}M"
    bound = f",host-nodes={cell.host_node},policy=bind" if cell.host_node >= 0 else ""
    if not cell.page_size_kib:
        return f"memory-backend-ram,{plain}{bound}"
    # All pages are taken at the start: a guest that finds none later would die in the middle of its work.
    return f"memory-backend-memfd,{plain},hugetlb=on,hugetlbsize={cell.page_size_kib}k,prealloc=on{bound}"


def _runs(cpus: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring numbers as ranges."""
    first = last = -1
    for cpu in sorted(cpus):
        if cpu != last + 1 or first < 0:
            if first >= 0:
                yield first, last
            first = cpu
        last = cpu
    if first >= 0:
        yield first, last


def handed_devices(spec: GuestSpec) -> Iterator[str]:
    """The host's devices, in the order of the spec."""
    for number, device in enumerate(spec.devices):
        yield from ("-device", f"vfio-pci,id=hostdev{number},host={device.address}")
