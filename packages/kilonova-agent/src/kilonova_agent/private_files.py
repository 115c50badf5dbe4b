"""Small private files that are whole or absent: written beside with mode 0600, then moved into place.

``durable`` also waits for the disk, for what must survive a power cut; without it a file still survives the sudden
death of this process.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_private(path: Path, data: bytes, *, durable: bool, mode: int = 0o600) -> None:
    """Replace ``path`` in one step; one writer per path. OSError leaves what was there."""
    target = str(path)
    draft = f"{path.parent}/.{path.name}.new"
    try:
        _write(draft, data, durable, mode)
        os.replace(draft, target)  # noqa: PTH105 - on the way of every step: plain calls cost a third
    except OSError:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise
    if durable:
        sync_directory(path.parent)


def _write(draft: str, data: bytes, durable: bool, mode: int) -> None:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_directory(directory: Path) -> Path:
    """Make it when it is missing, open to nobody else."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory
