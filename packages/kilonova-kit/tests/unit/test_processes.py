"""A process is known again by pid, start time and boot."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec
import pytest
from kilonova_kit.processes import mark_of, read_mark, send_signal, wait_gone, write_mark

ME = mark_of(os.getpid())
STRANGERS = [
    msgspec.structs.replace(ME, started=ME.started - 1),
    msgspec.structs.replace(ME, boot_id="another"),
    msgspec.structs.replace(ME, started=0),
    mark_of(2**22 + 1),  # higher than any pid: proc(5), pid_max
]


def test_a_process_that_was_written_down_is_found_again(tmp_path: Path) -> None:
    assert write_mark(tmp_path / "mark", os.getpid()) == read_mark(tmp_path / "mark") == ME


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_pid_given_to_another_process_is_not_taken_for_ours(stranger: object, tmp_path: Path) -> None:
    (tmp_path / "mark").write_bytes(msgspec.json.encode(stranger))
    assert read_mark(tmp_path / "mark") is None


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_is_not_signalled_and_ours_is_gone(stranger: object) -> None:
    assert not send_signal(stranger, signal.SIGKILL)
    assert wait_gone(stranger, 0)


def test_who_lives_is_not_gone() -> None:
    assert not wait_gone(ME, 0)


@pytest.mark.parametrize("content", [b"", b"12 34\n", b"{}"])
def test_a_mark_that_cannot_be_read_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mark").write_bytes(content)
    assert read_mark(tmp_path / "mark") is None
    assert read_mark(tmp_path / "missing") is None
