"""What of a guest may change after it was made: a pure comparison of two specs.

Its disks are its identity: their names, order, bases and buses stay; a disk may grow. The machine itself (CPUs,
memory, their layout, model, firmware, devices) changes only while the guest is off. All else (network interfaces,
config drive, kernel) is taken up when the guest is started next.
"""

from __future__ import annotations

from kilonova_driver.errors import Conflict
from kilonova_driver.types.guests import Disk, GuestSpec

from kilonova_driver_qemu.disks import disk_bytes

_MACHINE = ("vcpus", "memory_mib", "firmware", "machine", "cpu_model", "serial_console", "devices")
#: Where its threads run may change at any time, what it sees of itself may not.
_LAYOUT = ("topology", "cells")


def check_change(old: GuestSpec, new: GuestSpec, *, runs: bool) -> tuple[Disk, ...]:
    """Give the disks that have to grow. Raises Conflict for what cannot change, InvalidSpec for an impossible size."""
    before, after = [disk.name for disk in old.disks], [disk.name for disk in new.disks]
    if before != after:
        raise Conflict(f"the disks of guest {old.guest_id} are {_listed(before)}; they cannot become {_listed(after)}")
    fixed = [name for name in _MACHINE if getattr(old, name) != getattr(new, name)]
    fixed += [name for name in _LAYOUT if getattr(old.layout, name) != getattr(new.layout, name)]
    fixed = fixed if runs else []
    if fixed:
        raise Conflict(f"guest {old.guest_id} runs; only while it is off may change: {', '.join(fixed)}")
    pairs = zip(old.disks, new.disks, strict=True)
    return tuple(wished for present, wished in pairs if _grows(old.guest_id, present, wished))


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


def _grows(guest_id: str, present: Disk, wished: Disk) -> bool:
    if _digest(present) != _digest(wished):
        raise Conflict(f"disk {present.name} of guest {guest_id} has another base image")
    if present.bus != wished.bus:
        raise Conflict(f"disk {present.name} of guest {guest_id} is on bus {present.bus}, not {wished.bus}")
    have, want = disk_bytes(present), disk_bytes(wished)
    if want < have:
        raise Conflict(f"disk {present.name} of guest {guest_id} has {have} bytes and cannot shrink to {want}")
    return want > have


def _digest(disk: Disk) -> str:
    return "" if disk.base is None else disk.base.digest
