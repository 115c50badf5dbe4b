"""Processes, known again by pid, start time and boot: a pid alone may have been given to a stranger.

A mark is written down beside whatever the process serves, and read by those who come after us.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from pathlib import Path

import msgspec

from kilonova_kit.private_files import write_private


class ProcessMark(msgspec.Struct, frozen=True):
    """One process of this machine for good; ``started`` is in clock ticks since the boot, 0 for one that was gone."""

    pid: int
    started: int
    boot_id: str

    @property
    def alive(self) -> bool:
        return self.started != 0 and start_time(self.pid) == self.started and boot_id() == self.boot_id


def boot_id() -> str:
    """Which boot of this machine it is. Source: random(4)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """When a process began, in clock ticks since the boot (proc(5)); None if it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def mark_of(pid: int) -> ProcessMark:
    return ProcessMark(pid, start_time(pid) or 0, boot_id())


def write_mark(path: Path, pid: int) -> ProcessMark:
    """Write down a running process."""
    mark = mark_of(pid)
    write_private(path, msgspec.json.encode(mark))
    return mark


def read_mark(path: Path) -> ProcessMark | None:
    """The process that was written down, if it still runs."""
    try:
        mark = msgspec.json.decode(path.read_bytes(), type=ProcessMark)
    except (OSError, msgspec.MsgspecError):
        return None
    return mark if mark.alive else None


def send_signal(mark: ProcessMark, number: signal.Signals) -> bool:
    """Signal a process if it is still the same one; whether it was."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(mark.pid)
        try:
            # Compared after the pidfd is held: from here on the pid cannot become somebody else's.
            if mark.alive:
                signal.pidfd_send_signal(descriptor, number)
                return True
        finally:
            os.close(descriptor)
    return False


def wait_gone(mark: ProcessMark, within_seconds: float) -> bool:
    """Wait until the process has ended; whether it has. One that waits to be reaped has."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(mark.pid)
        try:
            return not mark.alive or bool(select.select([descriptor], [], [], within_seconds)[0])
        finally:
            os.close(descriptor)
    return True
