"""What the driver remembers of a guest across its own death: one JSON file, replaced atomically.

Invariants:
- A record on disk is always whole: it is written beside, synced, and renamed.
- ``Stage.MAKING`` means that disks may be missing; such a guest can be finished or removed, never started as it is.
- ``expected_end`` is written before the driver ends a process, so that a later driver never takes that for a crash.
- The generation only grows, also over a removal: the tombstone keeps it.
"""

from __future__ import annotations

import enum
import os
import tempfile
import time
from pathlib import Path

import msgspec
from kilonova_driver.types.guests import GuestSpec, Power

from kilonova_driver_qemu.process import Identity

VERSION = 1
#: How many finished operation ids are remembered for each guest.
REMEMBERED_OPERATIONS = 32
TOMBSTONE_SECONDS = 7 * 24 * 3600


class Stage(enum.StrEnum):
    """How far the guest's files have come."""

    MAKING = "making"
    MADE = "made"
    REMOVING = "removing"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One guest. ``resting`` is its power while no process lives; ``reason`` says why if that was not ordered."""

    version: int = VERSION
    guest_id: str
    generation: int
    operations: tuple[str, ...] = ()
    stage: Stage = Stage.MAKING
    spec: GuestSpec | None = None
    process: Identity | None = None
    expected_end: bool = False
    resting: Power = Power.OFF
    reason: str = ""
    started_at: float | None = None


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """What stays of a removed guest."""

    guest_id: str
    generation: int
    operations: tuple[str, ...] = ()


def remembered(operations: tuple[str, ...], operation_id: str) -> tuple[str, ...]:
    """Add a finished operation, forgetting the oldest."""
    rest = tuple(known for known in operations if known != operation_id)
    return (*rest, operation_id)[-REMEMBERED_OPERATIONS:]


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that a reader, or a crash, sees the old or the new one. Mode 0600."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fdatasync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def save_record(path: Path, record: Record) -> None:
    write_atomically(path, msgspec.json.encode(record))


def load_record(path: Path) -> Record | None:
    """Read a record; None if there is none, or none that this version can read (the guest is then half-made)."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None
    return record if record.version <= VERSION else None


def save_tombstone(path: Path, stone: Tombstone) -> None:
    write_atomically(path, msgspec.json.encode(stone))


def load_tombstone(path: Path) -> Tombstone | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Tombstone)
    except (OSError, msgspec.DecodeError):
        return None


def forget_old_tombstones(directory: Path, now: float | None = None) -> None:
    """Delete the tombstones older than a week: no order lives that long."""
    limit = (time.time() if now is None else now) - TOMBSTONE_SECONDS
    for path in directory.iterdir():
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
