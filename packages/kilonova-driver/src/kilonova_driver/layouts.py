"""Whether a layout is of the guest that it is for: what every driver has to refuse, in one place."""

from __future__ import annotations

import math
import re
from collections import Counter

from kilonova_driver.errors import InvalidSpec
from kilonova_driver.types.guests import CpuTopology, GuestSpec

_ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
#: What QEMU, and with it nearly everybody, can show a guest.
MOST_CELLS = 128


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
    if len(cells) > MOST_CELLS:
        raise InvalidSpec(f"{len(cells)} cells are more than {MOST_CELLS}")
    for cell in cells:
        if cell.page_size_kib < 0 or (cell.page_size_kib and cell.memory_mib * 1024 % cell.page_size_kib):
            raise InvalidSpec(f"{cell.memory_mib} MiB of a cell are no whole pages of {cell.page_size_kib} KiB")
