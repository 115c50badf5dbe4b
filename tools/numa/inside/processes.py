"""What the kernel says of a guest's process: where its threads run, where its memory lies, what it holds."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from hosts import Host
from kilonova_driver_qemu.monitor import Monitor
from laid_out_guests import home


class Process(NamedTuple):
    """A guest's process: where each vCPU's thread may run and where it last did, where the others may."""

    pid: int
    vcpus: list[set[int]]
    ran: list[int]
    others: set[frozenset[int]]


async def process_of(host: Host, name: str) -> Process:
    """QEMU says which threads are vCPUs, the kernel all else."""
    monitor = await Monitor.connect(home(host, name) / "operator.sock", 60)
    found = {int(one["cpu-index"]): int(one["thread-id"]) for one in await monitor.ask("query-cpus-fast")}
    await monitor.close()
    pid = int(json.loads((home(host, name) / "record.json").read_bytes())["process"]["pid"])
    threads = [found[cpu] for cpu in sorted(found)]
    return Process(
        pid=pid,
        vcpus=[os.sched_getaffinity(thread) for thread in threads],
        ran=[_last_processor(pid, thread) for thread in threads],
        others={frozenset(os.sched_getaffinity(thread)) for thread in _threads(pid) - set(threads)},
    )


def _threads(pid: int) -> set[int]:
    return {int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()}


def _last_processor(pid: int, thread: int) -> int:
    return int(Path(f"/proc/{pid}/task/{thread}/stat").read_text().rpartition(")")[2].split()[36])


def bound_memory(pid: int) -> list[tuple[str, int, dict[int, int]]]:
    """Memory that is bound to a node, by policy and size of pages in KiB: how many MiB lie at which node."""
    found: dict[tuple[str, int], dict[int, int]] = {}
    for line in Path(f"/proc/{pid}/numa_maps").read_text().splitlines():
        policy, size = line.split()[1], int((re.findall(r"kernelpagesize_kB=(\d+)", line) or ["4"])[0])
        if policy.startswith("bind"):
            place = found.setdefault((policy, size), {})
            for node, pages in re.findall(r" N(\d+)=(\d+)", line):
                place[int(node)] = place.get(int(node), 0) + int(pages) * size // 1024
    return [(policy, size, place) for (policy, size), place in sorted(found.items())]


def huge_mib(pid: int) -> int:
    """How much of its memory is in huge pages."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if "_Hugetlb" in line) // 1024


def status(pid: int) -> dict[str, str]:
    """``/proc/PID/status``: the first word of each field."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: (words.split() or [""])[0] for name, _, words in (line.partition(":") for line in lines)}


def open_files(pid: int) -> set[str]:
    """What its descriptors are."""
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        found.add(str(path.readlink()))
    return found


def owner(path: Path) -> tuple[int, int]:
    """The user and the group of a file."""
    return path.stat().st_uid, path.stat().st_gid
