"""Records on disk: whole, or not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from kilonova_driver.types.guests import GuestSpec
from kilonova_driver_qemu.process import identify, is_alive, is_locked, take_lock
from kilonova_driver_qemu.record import (
    REMEMBERED_OPERATIONS,
    Record,
    Tombstone,
    forget_old_tombstones,
    load_record,
    load_tombstone,
    remembered,
    save_record,
    save_tombstone,
)

SPEC = GuestSpec(guest_id="g", name="n", vcpus=1, memory_mib=64)


def test_a_record_comes_back_as_it_went_and_is_private(tmp_path: Path) -> None:
    path, record = tmp_path / "r.json", Record(guest_id="g", generation=3, operations=("a",), spec=SPEC)
    save_record(path, record)
    assert load_record(path) == record
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"{", b'{"guest_id": 1}', b'{"guest_id":"g","generation":1,"version":99}'])
def test_what_cannot_be_read_is_no_record(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(content)
    assert load_record(tmp_path / "r.json") is None


def test_operations_are_remembered_once_and_the_oldest_forgotten() -> None:
    known: tuple[str, ...] = ()
    for number in range(REMEMBERED_OPERATIONS + 1):
        known = remembered(known, str(number))
    assert len(known) == REMEMBERED_OPERATIONS
    assert "0" not in known
    assert remembered(("a", "b"), "a") == ("b", "a")


def test_old_tombstones_are_forgotten_and_fresh_ones_kept(tmp_path: Path) -> None:
    for name in ("old", "fresh"):
        save_tombstone(tmp_path / name, Tombstone(guest_id=name, generation=1))
    os.utime(tmp_path / "old", (0, 0))
    forget_old_tombstones(tmp_path)
    assert load_tombstone(tmp_path / "old") is None
    assert load_tombstone(tmp_path / "fresh") == Tombstone(guest_id="fresh", generation=1)


def test_a_lock_is_held_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    descriptor = take_lock(path)
    assert descriptor is not None
    assert is_locked(path)
    assert take_lock(path) is None
    os.close(descriptor)
    assert not is_locked(path)


def test_a_pid_alone_is_no_identity() -> None:
    mine = identify(os.getpid())
    assert mine is not None
    assert is_alive(mine)
    other = type(mine)(pid=mine.pid, start_ticks=mine.start_ticks + 1, boot_id=mine.boot_id)
    assert not is_alive(other)
