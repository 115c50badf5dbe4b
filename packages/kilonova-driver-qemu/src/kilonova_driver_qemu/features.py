"""What this driver can do for a guest on this very host: nothing is advertised that would fail when it is asked for."""

from __future__ import annotations

import os
from pathlib import Path

from kilonova_driver.types.guests import Feature

from kilonova_driver_qemu.handing import BUS, Bus
from kilonova_driver_qemu.machine import read_nodes, text

_ALWAYS = frozenset({"kernel_boot", "config_drive", Feature.CPU_TOPOLOGY.value, Feature.NUMA.value})
#: The capability CAP_SYS_NICE: to say where processes of another user run.
_SYS_NICE = 23


def features_here(
    run_as: tuple[int, int] | None, *, sys: Path = Path("/sys"), proc: Path = Path("/proc/self"), bus: Bus = BUS
) -> frozenset[str]:
    """The features of a driver whose guests run as this user."""
    found = set(_ALWAYS)
    if run_as is None or run_as[0] == os.geteuid() or _may_move_others(proc):
        found.add(Feature.PINNING.value)
    if any(node.huge_pages for node in read_nodes(sys, 0)):
        found.add(Feature.HUGE_PAGES.value)
    if bus.can_hand():
        found.add(Feature.DEVICES.value)
    return frozenset(found)


def _may_move_others(proc: Path) -> bool:
    fields = dict(line.partition(":\t")[::2] for line in text(proc / "status").splitlines())
    return bool(int(fields.get("CapEff", "0"), 16) >> _SYS_NICE & 1)
