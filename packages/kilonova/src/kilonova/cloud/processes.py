"""Processes of a cloud, known by pid *and* start time, so that a pid that was used again is never touched."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import msgspec

from kilonova.cloud.folder import write_private


class ProcessNote(msgspec.Struct, frozen=True):
    """Who runs: the pid, and when that process started, in clock ticks since the boot."""

    pid: int
    started: int
    boot_id: str

    @property
    def alive(self) -> bool:
        return self.boot_id == _boot_id() and _started(self.pid) == self.started


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (proc(5)); None for a process that is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def note_process(path: Path, pid: int) -> ProcessNote:
    """Write down a running process."""
    note = ProcessNote(pid, _started(pid) or 0, _boot_id())
    write_private(path, msgspec.json.encode(note))
    return note


def noted_process(path: Path) -> ProcessNote | None:
    """The noted process, if it still runs."""
    try:
        note = msgspec.json.decode(path.read_bytes(), type=ProcessNote)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return note if note.alive else None


def send_signal(note: ProcessNote, number: signal.Signals) -> None:
    """Signal a process if it is still the same one."""
    if note.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(note.pid, number)


def wait_gone(note: ProcessNote, within_seconds: float) -> bool:
    """Wait until the process has ended; whether it has."""
    give_up = time.monotonic() + within_seconds
    while note.alive:
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True
