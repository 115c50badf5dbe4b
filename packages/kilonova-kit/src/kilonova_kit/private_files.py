"""Small private files that are whole or absent: written beside with mode 0600, then moved into place.

``durable`` also waits for the disk, for what must survive a power cut; without it a file still survives the sudden
death of its writer. A writer that dies in between leaves a draft, whose name begins with a dot; no reader takes it for
the file, and whoever lists the directory may remove it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def private_directory(directory: Path, *, shut: bool = False) -> Path:
    """Make ``directory`` (and what is above it) when missing, open to nobody else; ``shut`` one that exists, too."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if shut:
        directory.chmod(0o700)
    return directory


def write_private(path: Path, data: bytes, *, durable: bool = True, mode: int = 0o600) -> None:
    """Replace ``path`` in one step. OSError leaves what was there."""
    draft = _write_beside(path, data, durable, mode)
    try:
        os.replace(draft, path)  # noqa: PTH105 - on the way of every step of an agent: plain calls cost a third
    except OSError:
        _remove(draft)
        raise
    if durable:
        sync_directory(path.parent)


def write_once(path: Path, data: bytes) -> None:
    """Make ``path`` unless it exists: of several writers at the same time exactly one wins, and no reader sees half."""
    draft = _write_beside(path, data, durable=True, mode=0o600)
    try:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        _remove(draft)
    sync_directory(path.parent)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold ``path`` as a lock until the block or the process ends. BlockingIOError: held, and not to ``wait`` for."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Wait until the disk knows the names in it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_beside(path: Path, data: bytes, durable: bool, mode: int) -> str:
    left = memoryview(data)
    draft = f"{path.parent}/.{path.name}.{secrets.token_hex(6)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
        if durable:
            os.fsync(descriptor)
    except OSError:
        _remove(draft)
        raise
    finally:
        os.close(descriptor)
    return draft


def _remove(draft: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(draft)  # noqa: PTH108 - a plain name, as above
