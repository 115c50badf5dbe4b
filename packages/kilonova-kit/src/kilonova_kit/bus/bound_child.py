"""A child process that never outlives its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from kilonova_kit.processes import read_mark, send_signal, wait_gone

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


def end_marked(pid_file: Path) -> bool:
    """Kill the process that was written down, if it is still that one, and wait until it is gone."""
    mark = read_mark(pid_file)
    if mark is None or not send_signal(mark, signal.SIGKILL):
        return False
    wait_gone(mark, 10.0)
    return True
