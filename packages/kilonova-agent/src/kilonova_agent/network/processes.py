"""Processes that outlive us, and how to know them again: pid plus start time, written down beside them.

A pid alone may have been given to a stranger; with the start time from /proc it names one process for good.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kilonova_agent.network.records import write_private


class ProcessMark(msgspec.Struct, frozen=True):
    """One process of this machine, and the command line it was started with."""

    pid: int
    started: int
    arguments: tuple[str, ...] = ()


def start_time(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None if it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def start_detached(arguments: Sequence[str], log: Path, mark: Path) -> ProcessMark:
    """Start a process in a session of its own and write its mark down; its output goes to ``log``.

    The mark is written by nobody else, so a caller that dies before that leaves an unmarked process: callers look for
    those by what the process holds (a namespace) when they clean up.
    """
    output = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    files = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), output, (os.POSIX_SPAWN_DUP2, 1, 2)]
    # Python ignores SIGPIPE, and children would inherit that; pasta refuses to start so.
    pid = os.posix_spawnp(
        arguments[0], [*arguments], os.environ, file_actions=files, setsid=True, setsigdef=[signal.SIGPIPE]
    )
    made = ProcessMark(pid, start_time(pid) or 0, tuple(arguments))
    write_private(mark, msgspec.json.encode(made))
    return made


def marked(path: Path) -> ProcessMark | None:
    """The living process that a mark names."""
    try:
        mark = msgspec.json.decode(path.read_bytes(), type=ProcessMark)
    except (OSError, msgspec.MsgspecError):
        return None
    return mark if is_alive(mark) else None


def is_alive(mark: ProcessMark) -> bool:
    return mark.started != 0 and start_time(mark.pid) == mark.started


def end(mark: ProcessMark, grace_seconds: float = 2.0) -> None:
    """Ask a process to end, then make it; return when it is gone."""
    if not is_alive(mark):
        return
    try:
        descriptor = os.pidfd_open(mark.pid)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if is_alive(mark):
                signal.pidfd_send_signal(descriptor, number)
            if _exited(descriptor, grace_seconds):
                break
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)
    _reap(mark.pid)


def _exited(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])


def _reap(pid: int) -> None:
    """Collect the exit of a child of ours; another's child is collected by its own parent."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def named_in_namespace(name: str, inode: int) -> list[ProcessMark]:
    """Processes of that name whose network namespace is the given one."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text().strip() != name or (entry / "ns/net").stat().st_ino != inode:
                continue
        except OSError:
            continue
        pid = int(entry.name)
        if started := start_time(pid):
            found.append(ProcessMark(pid, started))
    return found
