"""What of the disk is not guests' is reserved, without flutter."""

import os
from types import SimpleNamespace

import pytest
from kilonova_agent.resources import disk_use

GIB = 1 << 30


@pytest.fixture
def disk(monkeypatch):
    """A disk of 100 GiB with so many of them free."""

    def fill(free):
        space = SimpleNamespace(f_blocks=100 * GIB, f_bavail=free * GIB, f_frsize=1)
        monkeypatch.setattr(disk_use.os, "statvfs", lambda _: space)

    return fill


def test_what_is_neither_free_nor_guests_is_reserved_and_rounded_up(disk, tmp_path):
    disk(60)
    assert disk_use.reserved_gb(tmp_path, None) == 40
    (tmp_path / "guest").mkdir()
    (tmp_path / "guest/root.qcow2").write_bytes(os.urandom(1 << 20))
    assert disk_use.reserved_gb(tmp_path, None) == 40
    with (tmp_path / "guest/large").open("wb") as sparse:
        sparse.truncate(50 * GIB)
    assert disk_use.reserved_gb(tmp_path, None) == 40


@pytest.mark.parametrize(("before", "now"), [(None, 40), (41, 41), (39, 39), (38, 40), (70, 40)])
def test_a_small_change_is_not_told(disk, tmp_path, before, now):
    disk(60)
    assert disk_use.reserved_gb(tmp_path, before) == now
