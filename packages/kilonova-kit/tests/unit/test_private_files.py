"""A private file is whole or absent, and nobody else's business."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kilonova_kit.private_files import locked, private_directory, write_once, write_private


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_and_only_ours_and_leaves_no_draft(durable: bool, tmp_path: Path) -> None:
    for content in (b"one", b"two" * 100_000):
        write_private(tmp_path / "file", content, durable=durable)
        assert (tmp_path / "file").read_bytes() == content
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_that_nobody_shall_change_says_so(tmp_path: Path) -> None:
    write_private(tmp_path / "file", b"", mode=0o400)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o400


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"untouched")
    (tmp_path / "file").symlink_to(tmp_path / "target")
    write_private(tmp_path / "file", b"new")
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"untouched"


def test_a_write_that_fails_leaves_what_was_there_and_no_draft(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]


def test_what_is_written_once_stays(tmp_path: Path) -> None:
    write_once(tmp_path / "file", b"first")
    write_once(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["file"]


def test_a_directory_is_made_for_us_alone_and_shut_when_told(tmp_path: Path) -> None:
    made = private_directory(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700
    made.chmod(0o711)
    assert private_directory(made).stat().st_mode & 0o777 == 0o711
    assert private_directory(made, shut=True).stat().st_mode & 0o777 == 0o700


def test_a_held_lock_is_not_had_twice(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(BlockingIOError), locked(tmp_path / "lock", wait=False):
        pass
    with locked(tmp_path / "lock", wait=False):
        pass
