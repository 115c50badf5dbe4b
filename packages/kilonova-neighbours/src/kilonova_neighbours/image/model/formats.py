"""What a file is: said by its bytes, never by its name.

``Inspection`` eats the bytes as they pass (bounded memory), hashes them, and in the end compares what they are with
what was declared. Refused (Glance, location.py, set_data, with the declared ``raw`` made strict):

- content of another format than the declared one; ``raw`` is what has no known format, or a partition table (GPT, MBR);
- content that matches two formats, except a bootable ISO, which carries a partition table as well;
- any file with a backing file, an external data file, a VMDK descriptor that names other files, or other tricks that
  oslo.utils knows: a host that opened it could be made to read its own files.

Other containers than ``bare`` may hold no disk at their first byte: what is no known disk passes there, and a known one
must be the declared one. ami, aki, ari and ploop cannot be told from raw.
"""

from __future__ import annotations

import hashlib
from typing import IO, Protocol, cast

from kilonova_kit.errors import UnsupportedMedia
from oslo_utils.imageutils import format_inspector

from kilonova_neighbours.image.model.images import Data

_LOOKS_RAW = frozenset({"raw", "gpt"})
_NOT_INSPECTABLE = frozenset({"raw", "ami", "aki", "ari", "ploop"})
#: Bytes that the inspectors see at once, as in Glance: one that held several VHDX regions would lose some.
_BITE = 64 * 1024
_STRICT_CONTAINERS = frozenset({"bare", None})


class _Inspector(Protocol):
    """What we use of oslo.utils' FileInspector."""

    NAME: str
    virtual_size: int

    def safety_check(self) -> None: ...


class _Piece:
    """The file that oslo.utils reads from: it holds the one piece at hand."""

    def __init__(self) -> None:
        self.piece = b""

    def read(self, size: int) -> bytes:
        return self.piece

    def close(self) -> None:
        """Nothing to close: the wrapper's ``close`` says that the file has ended."""


class Inspection:
    """Hashes and format of a stream of bytes."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha512 = hashlib.sha512()
        self._source = _Piece()
        self._wrapper = format_inspector.InspectWrapper(cast(IO[bytes], self._source))
        self._head = b""
        self.size = 0

    def eat(self, piece: bytes) -> None:
        self.eat_for_checksum(piece)
        self.eat_for_format(piece)

    def eat_for_checksum(self, piece: bytes) -> None:
        """One half of ``eat``; the two may run in two threads, since they share nothing."""
        self._md5.update(piece)

    def eat_for_format(self, piece: bytes) -> None:
        """The other half: the strong hash and the format."""
        self._sha512.update(piece)
        if self.size < _BITE:
            self._head += piece[: _BITE - self.size]
        self.size += len(piece)
        for start in range(0, len(piece), _BITE):
            self._source.piece = piece[start : start + _BITE]
            self._wrapper.read(_BITE)

    def finish(self, disk_format: str | None, container_format: str | None) -> Data:
        """What the bytes were. Raises UnsupportedMedia with the reason."""
        self._wrapper.close()
        return Data(
            size=self.size,
            virtual_size=self._verdict(disk_format or "", container_format),
            checksum=self._md5.hexdigest(),
            os_hash_value=self._sha512.hexdigest(),
        )

    def _verdict(self, declared: str, container: str | None) -> int:
        found = _single(self._wrapper)
        if found.NAME == "raw" and self.size < _BITE:
            _check_stump(self._head)
        if not _matches(found.NAME, declared, container):
            raise UnsupportedMedia(
                "Image content did not match disk_format: "
                f"Image disk_format {declared} does not match stream data {found.NAME}"
            )
        if found.NAME not in _LOOKS_RAW:
            _check_safety(found)
        return self.size if found.NAME in _LOOKS_RAW else _virtual_size(found)


def _single(wrapper: format_inspector.InspectWrapper) -> _Inspector:
    """The one format that matched."""
    matches = {str(each): each for each in wrapper.formats or ()}
    if matches.keys() == {"iso", "gpt"}:
        return cast(_Inspector, matches["iso"])
    if len(matches) != 1:
        raise UnsupportedMedia(f"Multiple formats detected: {', '.join(sorted(matches))}")
    return cast(_Inspector, next(iter(matches.values())))


def _check_stump(head: bytes) -> None:
    """Refuse the stump of a disk: too short for the inspectors, but QEMU reads on as if in zeros and would know it."""
    source = _Piece()
    source.piece = head + bytes(_BITE - len(head))
    wrapper = format_inspector.InspectWrapper(cast(IO[bytes], source))
    wrapper.read(_BITE)
    wrapper.close()
    found = _single(wrapper)
    if found.NAME not in _LOOKS_RAW:
        raise UnsupportedMedia(f"Image content did not match disk_format: it is the stump of a {found.NAME} file")


def _matches(found: str, declared: str, container: str | None) -> bool:
    if found in _LOOKS_RAW:
        return declared in _NOT_INSPECTABLE or container not in _STRICT_CONTAINERS
    return found == declared


def _check_safety(found: _Inspector) -> None:
    try:
        found.safety_check()
    except format_inspector.SafetyCheckFailed as error:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in sorted(error.failures.items()))
        raise UnsupportedMedia(f"Image failed safety checks: {reasons}") from None


def _virtual_size(found: _Inspector) -> int:
    try:
        return int(found.virtual_size)
    except (format_inspector.ImageFormatError, ValueError, KeyError) as error:
        raise UnsupportedMedia(f"Image content is not a whole {found.NAME} file: {error}") from None
