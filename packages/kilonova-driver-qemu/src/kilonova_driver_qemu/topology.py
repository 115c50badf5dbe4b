"""What the guest sees of its processors, memory and devices: pure, from the spec's layout to options of QEMU.

Without a layout there is one socket per vCPU and one piece of memory. Each cell of a layout is a NUMA node of the guest
with a memory backend of its own: bound to a node of the host, or made of huge pages, where the cell says so. Huge pages
come as a memfd, since the process has no right to any path.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from kilonova_driver.errors import InvalidSpec
from kilonova_driver.types.guests import CpuTopology, GuestCell, GuestSpec

_ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
#: QEMU's own bound.
_MOST_CELLS = 128


def check_layout(spec: GuestSpec) -> None:
    """Refuse a layout that is not of this guest. Raises InvalidSpec."""
    shape = spec.layout.topology
    if shape is not None and (min(_sizes(shape)) < 1 or math.prod(_sizes(shape)) != spec.vcpus):
        raise InvalidSpec(
            "{} sockets of {} cores of {} threads".format(*_sizes(shape)) + f" are not {spec.vcpus} vCPUs"
        )
    if spec.layout.cells:
        _check_cells(spec)
    _check_pins(spec)
    for device in spec.devices:
        if not _ADDRESS.fullmatch(device.address):
            raise InvalidSpec(f"a device's address is like 0000:3b:00.0, not {device.address!r}")


def _sizes(shape: CpuTopology) -> tuple[int, int, int]:
    return shape.sockets, shape.cores, shape.threads


def _check_pins(spec: GuestSpec) -> None:
    pins = spec.layout.pins
    pinned = Counter(pin.cpu for pin in pins)
    if any(cpu not in range(spec.vcpus) or count > 1 for cpu, count in pinned.items()):
        raise InvalidSpec(f"the pins name vCPUs {sorted(pinned.elements())}; there are {spec.vcpus}, each once")
    if any(not pin.host_cpus for pin in pins):
        raise InvalidSpec("a pin names no processor of the host")
    if any(cpu < 0 for cpus in (*(pin.host_cpus for pin in pins), spec.layout.emulator_cpus) for cpu in cpus):
        raise InvalidSpec("a pin names a processor below 0")


def _check_cells(spec: GuestSpec) -> None:
    cells = spec.layout.cells
    if sorted(cpu for cell in cells for cpu in cell.cpus) != list(range(spec.vcpus)):
        raise InvalidSpec(f"the cells do not hold each of the {spec.vcpus} vCPUs once")
    if sum(cell.memory_mib for cell in cells) != spec.memory_mib or min(cell.memory_mib for cell in cells) < 1:
        raise InvalidSpec(f"the cells do not hold the {spec.memory_mib} MiB of memory")
    if len(cells) > _MOST_CELLS:
        raise InvalidSpec(f"{len(cells)} cells are more than {_MOST_CELLS}")
    for cell in cells:
        if cell.page_size_kib < 0 or (cell.page_size_kib and cell.memory_mib * 1024 % cell.page_size_kib):
            raise InvalidSpec(f"{cell.memory_mib} MiB of a cell are no whole pages of {cell.page_size_kib} KiB")


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
