"""Fernet keys in a directory, rotated as Keystone does it.

    0        staged: the next primary, so that other processes know it before it is used
    highest  primary: encrypts
    others   secondary: only decrypt

``rotate`` makes the staged key primary, stages a new one and drops the oldest secondaries. Files are 0600 in a
directory of 0700. Another process may rotate: an unreadable text makes us look again when the directory has changed.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class KeyRing:
    """The keys of one directory. ``most`` counts all of them, the staged one included."""

    def __init__(self, directory: Path, most: int) -> None:
        self._directory, self._most = directory, max(most, 2)
        self._fernet: MultiFernet | None = None
        self._read_at = 0

    def open(self) -> None:
        """Read the keys; make the first ones where there are none."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory.chmod(0o700)
        if not self._numbers():
            self._write(0)
            self._write(1)
        self._read()

    def rotate(self) -> None:
        """Promote the staged key. Texts of a dropped key can no longer be read."""
        primary = max(self._numbers()) + 1
        (self._directory / "0").rename(self._directory / str(primary))
        self._write(0)
        secondaries = [number for number in self._numbers() if number not in (0, primary)]
        while len(secondaries) > self._most - 2:
            (self._directory / str(secondaries.pop(0))).unlink()
        self._read()

    def encrypt(self, plain: bytes) -> str:
        """A text for URLs and headers, without padding."""
        assert self._fernet is not None
        return self._fernet.encrypt(plain).decode().rstrip("=")

    def decrypt(self, text: str) -> bytes | None:
        """None for a text that none of the keys wrote."""
        plain = self._try(text)
        if plain is None and self._directory.stat().st_mtime_ns != self._read_at:
            self._read()
            plain = self._try(text)
        return plain

    def _try(self, text: str) -> bytes | None:
        assert self._fernet is not None
        with contextlib.suppress(InvalidToken, ValueError):
            return self._fernet.decrypt(text.encode() + b"=" * (-len(text) % 4))
        return None

    def _numbers(self) -> list[int]:
        return sorted(int(path.name) for path in self._directory.iterdir() if path.name.isdigit())

    def _write(self, number: int) -> None:
        """Whole or not at all: a half-written key would lock everyone out."""
        draft = self._directory / f".{number}.new"
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._directory / str(number))

    def _read(self) -> None:
        self._read_at = self._directory.stat().st_mtime_ns
        numbers = self._numbers()
        ordered = [numbers[-1], *(number for number in reversed(numbers[:-1]))]
        self._fernet = MultiFernet([Fernet((self._directory / str(number)).read_bytes()) for number in ordered])
