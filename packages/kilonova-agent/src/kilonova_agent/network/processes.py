"""Processes that outlive us: started apart from us, their marks and command lines written down beside them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec
from kilonova_kit.private_files import write_private
from kilonova_kit.processes import ProcessMark, mark_of, send_signal, wait_gone


class Started(msgspec.Struct, frozen=True):
    """A process, and the command line it was started with."""

    mark: ProcessMark
    arguments: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        return self.mark.pid


def start_detached(arguments: Sequence[str], log: Path, mark: Path) -> Started:
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
    made = Started(mark_of(pid), tuple(arguments))
    write_private(mark, msgspec.json.encode(made))
    return made


def marked(path: Path) -> Started | None:
    """The living process that was written down."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Started)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if found.mark.alive else None


def end(mark: ProcessMark, grace_seconds: float = 2.0) -> None:
    """Ask a process to end, then make it; return when it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not send_signal(mark, number) or wait_gone(mark, grace_seconds):
            break
    _reap(mark.pid)


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
        if (mark := mark_of(int(entry.name))).started:
            found.append(mark)
    return found
