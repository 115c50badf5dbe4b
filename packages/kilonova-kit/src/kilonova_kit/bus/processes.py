"""A child process that never outlives its parent, known by pid and start time (a pid alone may be somebody else's)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None, use_errno=True)


def spawn_bound(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start ``command``, output to ``log``. The kernel kills it when the calling thread ends: use a lasting one."""
    parent = os.getpid()

    def bind_to_parent() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C at the terminal is for the parent, which ends its child in order
        preexec_fn=bind_to_parent,
    )


def start_time(pid: int) -> str:
    """When that process began, in clock ticks since boot; empty when there is no such process. Source: proc(5)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = stat[stat.rindex(")") + 2 :].split()
    return "" if fields[0] == "Z" else fields[19]


def describe(pid: int) -> bytes:
    """The line of a pid file."""
    return f"{pid} {start_time(pid)}\n".encode()


def end_described(pid_file: Path) -> bool:
    """Kill the process that a pid file describes, if it is still that one, and wait until it is gone."""
    try:
        words = pid_file.read_text().split()
    except FileNotFoundError:
        return False
    if len(words) != 2 or not words[0].isdigit():
        return False
    pid = int(words[0])
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            # Compared after the pidfd is held: from here on the pid cannot become somebody else's.
            if start_time(pid) != words[1]:
                return False
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], 10)
        finally:
            os.close(descriptor)
        return True
    return False
