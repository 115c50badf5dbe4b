"""The console log of a guest: its tail, and its bound.

QEMU appends to ``console.log``. When that has grown beyond the limit, its last part becomes ``console.1.log`` and the
file is cut to nothing, in place: QEMU holds it open for appending. So both together hold at least the last
``limit`` bytes once that many were written, and a guest cannot fill the host's disk with words.
"""

from __future__ import annotations

import os
from pathlib import Path

from kilonova_driver_qemu.layout import GuestFiles
from kilonova_driver_qemu.record import write_atomically


def _tail(path: Path, size: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - size))
        return file.read(size)


def console_tail(files: GuestFiles, size: int) -> bytes:
    """Give the last ``size`` bytes of what the guest wrote."""
    if size <= 0:
        return b""
    new = _tail(files.console, size)
    old = _tail(files.old_console, size - len(new)) if len(new) < size else b""
    return old + new


def cut(files: GuestFiles, limit: int) -> None:
    """Keep the logs of a guest within their bound."""
    if _size(files.console) > limit:
        write_atomically(files.old_console, _tail(files.console, limit))
        os.truncate(files.console, 0)
    if _size(files.complaints) > limit:
        os.truncate(files.complaints, 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
