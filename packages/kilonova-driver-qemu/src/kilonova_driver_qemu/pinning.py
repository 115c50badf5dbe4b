"""Put a guest's threads on the processors that it was given.

A vCPU's thread is known by QEMU (``query-cpus-fast``), all others of the process are the emulator's; those that QEMU
starts later inherit from its main thread. The kernel keeps the affinity for as long as the threads live, so a driver
that comes back has nothing to do but for a process that was started in its last moment: it pins again, which changes
nothing for others.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from kilonova_driver.errors import Internal, NoResources, Transient
from kilonova_driver.types.guests import CpuLayout


class Asked(Protocol):
    """A monitor, or what stands for one."""

    async def ask(self, command: str, arguments: dict[str, object] | None = None) -> Any: ...


async def pin(monitor: Asked, pid: int, layout: CpuLayout) -> None:
    """Raises NoResources for processors that the host does not have, Transient when the process has gone, Internal."""
    if not layout.pins and not layout.emulator_cpus:
        return
    threads = {int(one["cpu-index"]): int(one["thread-id"]) for one in await monitor.ask("query-cpus-fast")}
    if layout.emulator_cpus:
        for thread in _threads(pid) - set(threads.values()):
            _set(thread, layout.emulator_cpus)
    for wished in layout.pins:
        if wished.cpu not in threads:
            raise Internal(f"QEMU has no vCPU {wished.cpu}")
        _set(threads[wished.cpu], wished.host_cpus)


def _threads(pid: int) -> set[int]:
    try:
        return {int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()}
    except OSError as error:
        raise Transient("QEMU is gone") from error


def _set(thread: int, processors: tuple[int, ...]) -> None:
    try:
        os.sched_setaffinity(thread, processors)
    except ProcessLookupError:
        return  # a worker thread that has ended meanwhile
    except (OSError, ValueError) as error:
        kind = Internal if isinstance(error, PermissionError) else NoResources
        raise kind(f"a thread cannot run on the processors {processors} of this host: {error}") from error
