"""The files of images: ``incoming/`` while they are written, ``data/`` once they are whole.

A file's name is the image's id and its upload's token, never a name from outside. Files are 0600, folders 0700. Whoever
works on a file holds a lock on it, and the kernel lets go when that process dies: so a sweep can tell an upload that
goes on in another process from one that a crash left behind. All functions here block: call them in a thread.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


class FileStore:
    """The folders ``incoming`` and ``data`` below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root, self.incoming, self.data = root, root / "incoming", root / "data"

    def make(self) -> None:
        for folder in (self.root, self.incoming, self.data):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    def begin(self, name: str) -> BinaryIO:
        """A new, empty, locked file to write to."""
        descriptor = os.open(self.incoming / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return os.fdopen(descriptor, "wb", buffering=0)

    def reopen(self, name: str) -> BinaryIO | None:
        """A whole staged file, locked, to read; None when another works on it. Raises FileNotFoundError.

        Whoever died after ``publish`` has left it among the whole ones.
        """
        folder = self.incoming if (self.incoming / name).exists() else self.data
        file = open(folder / name, "rb", buffering=0)  # noqa: SIM115, PTH123 - handed to the caller, who closes
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def settle(self, file: BinaryIO) -> None:
        """What was written is on disk when this returns, and so is the file's name."""
        os.fsync(file.fileno())
        _sync_folder(self.incoming)

    def publish(self, name: str) -> None:
        """Move a settled file to the whole ones; one that is there already stays. Raises FileNotFoundError."""
        if not (self.data / name).exists():
            (self.incoming / name).rename(self.data / name)
        _sync_folder(self.data)

    def remove(self, name: str) -> None:
        """Remove a file wherever it is; one that is gone is no error."""
        for folder in (self.incoming, self.data):
            (folder / name).unlink(missing_ok=True)

    def is_busy(self, name: str) -> bool:
        """Whether some living process works on the file."""
        for folder in (self.incoming, self.data):
            try:
                with (folder / name).open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except FileNotFoundError:
                continue
            except BlockingIOError:
                return True
        return False

    def names(self) -> set[str]:
        return {entry.name for folder in (self.incoming, self.data) for entry in folder.iterdir() if entry.is_file()}

    def open(self, name: str) -> BinaryIO:
        """A whole file to read. Raises FileNotFoundError."""
        return open(self.data / name, "rb", buffering=0)  # noqa: PTH123 - handed to the caller, who closes


def chunks(file: BinaryIO, size: int = 1024 * 1024) -> Iterator[bytes]:
    """The rest of a file, piece by piece."""
    while piece := file.read(size):
        yield piece


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
