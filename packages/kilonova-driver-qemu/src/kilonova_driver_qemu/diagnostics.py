"""Measure a running guest: its monitor for disks and memory, /proc for CPU time and network counters.

A tap's counters are seen from the host; a guest receives what its tap sends, so rx and tx change places here.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from kilonova_driver.types.guests import Diagnostics, DiskCounters, GuestSpec, Nic, NicCounters, Power

from kilonova_driver_qemu.running import Running

_MIB = 1 << 20


async def diagnose(running: Running, spec: GuestSpec, power: Power, started_at: float | None) -> Diagnostics:
    """Measure now. Raises Transient when QEMU does not answer."""
    balloon = await running.ask("query-balloon")
    blocks = await running.ask("query-blockstats")
    cpus = await running.ask("query-cpus-fast")
    counters = read_net_dev(running.pid)
    return Diagnostics(
        power=power,
        driver="qemu",
        hypervisor="qemu",
        uptime_seconds=max(0, int(time.time() - started_at)) if started_at else 0,
        vcpus=spec.vcpus,
        memory_maximum_mib=spec.memory_mib,
        memory_used_mib=int(balloon["actual"]) // _MIB,
        cpu_time_ns=tuple(_thread_nanoseconds(running.pid, int(cpu["thread-id"])) for cpu in cpus),
        nics=tuple(_nic(nic, counters.get(nic.tap, ())) for nic in spec.nics),
        disks=tuple(_disk(block) for block in blocks if _disk_name(block)),
        config_drive=spec.config_drive is not None,
    )


def _disk_name(block: dict[str, Any]) -> str:
    name = str(block.get("qdev", "")).rstrip("/").removesuffix("/virtio-backend").rpartition("/")[2]
    return name.removeprefix("disk-") if name.startswith("disk-") else ""


def _disk(block: dict[str, Any]) -> DiskCounters:
    stats = block["stats"]
    failed = stats.get("failed_rd_operations", 0) + stats.get("failed_wr_operations", 0)
    return DiskCounters(
        name=_disk_name(block),
        read_bytes=stats["rd_bytes"],
        read_requests=stats["rd_operations"],
        write_bytes=stats["wr_bytes"],
        write_requests=stats["wr_operations"],
        errors_count=failed + stats.get("failed_flush_operations", 0),
    )


def _thread_nanoseconds(pid: int, thread: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/task/{thread}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def read_net_dev(pid: int) -> dict[str, tuple[int, ...]]:
    """Read the counters of every interface in the process's network namespace."""
    with contextlib.suppress(OSError):
        return parse_net_dev(Path(f"/proc/{pid}/net/dev").read_text())
    return {}


def parse_net_dev(text: str) -> dict[str, tuple[int, ...]]:
    """Parse /proc/net/dev: after the name 8 numbers received (bytes, packets, errors, drops ...), 8 transmitted."""
    lines = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name.strip(): tuple(map(int, numbers.split())) for name, _, numbers in lines}


def _nic(nic: Nic, seen: tuple[int, ...]) -> NicCounters:
    if len(seen) < 12:
        return NicCounters(mac=nic.mac)
    return NicCounters(
        mac=nic.mac,
        rx_octets=seen[8],
        rx_packets=seen[9],
        rx_errors=seen[10],
        rx_drop=seen[11],
        tx_octets=seen[0],
        tx_packets=seen[1],
        tx_errors=seen[2],
        tx_drop=seen[3],
    )
