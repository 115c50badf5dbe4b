from __future__ import annotations

from pathlib import Path

import pytest
from kilonova_driver.errors import Internal, NoResources
from kilonova_driver.types.guests import GuestSpec
from kilonova_driver_fake import journal as journals
from kilonova_driver_fake.journal import Journal, append_line, newest_file, numbered_files
from kilonova_driver_fake.records import Record, Removed


def record(guest_id, generation=1):
    spec = GuestSpec(guest_id=guest_id, name=guest_id, vcpus=1, memory_mib=64)
    return Record(guest_id=guest_id, generation=generation, spec=spec)


def opened(place):
    journal = Journal(place)
    journal.open()
    return journal


def test_what_is_written_is_read_again(tmp_path):
    journal = opened(tmp_path)
    journal.write(record("a"))
    journal.write(record("b"))
    journal.write(record("a", generation=2))
    journal.write(Removed(guest_id="b", generation=9))
    again = opened(tmp_path)
    assert again.guests == {"a": record("a", generation=2)}
    assert again.removed["b"].generation == 9


def test_a_torn_last_line_is_passed_over_and_cut_off(tmp_path):
    journal = opened(tmp_path)
    journal.write(record("a"))
    with newest_file(tmp_path).open("ab") as file:
        file.write(b'{"type":"guest","guest_id":"tor')
    assert set(opened(tmp_path).guests) == {"a"}
    journal = opened(tmp_path)
    journal.write(record("b"))
    assert set(opened(tmp_path).guests) == {"a", "b"}


def test_a_broken_line_in_the_middle_is_told(tmp_path):
    opened(tmp_path).write(record("a"))
    path = newest_file(tmp_path)
    path.write_bytes(b"rubbish\n" + path.read_bytes())
    with pytest.raises(Internal, match="line 1 is broken"):
        opened(tmp_path)


def test_compaction_keeps_the_truth_and_the_file_small(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "MIN_LINES", 10)
    journal = opened(tmp_path)
    for generation in range(100):
        journal.write(record("a", generation))
        journal.write(record("b", generation))
    assert len(newest_file(tmp_path).read_bytes().splitlines()) <= 11
    assert len(numbered_files(tmp_path)) == 1
    assert opened(tmp_path).guests == {"a": record("a", 99), "b": record("b", 99)}


def test_a_draft_that_was_left_by_a_crash_is_not_the_truth(tmp_path):
    opened(tmp_path).write(record("a"))
    (tmp_path / "draft-000002").write_bytes(b"half a li")
    assert set(opened(tmp_path).guests) == {"a"}


def test_an_older_file_that_was_left_by_a_crash_is_not_the_truth(tmp_path):
    journal = opened(tmp_path)
    journal.write(record("old"))
    older = newest_file(tmp_path)
    content = older.read_bytes()
    opened(tmp_path).write(Removed(guest_id="old", generation=2))
    older.write_bytes(content)
    assert opened(tmp_path).guests == {}


def test_only_the_latest_removals_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "REMEMBERED_REMOVALS", 3)
    journal = opened(tmp_path)
    for name in "abcde":
        journal.write(Removed(guest_id=name, generation=1))
    assert list(journal.removed) == ["c", "d", "e"]
    assert list(opened(tmp_path).removed) == ["c", "d", "e"]


def test_who_was_superseded_cannot_write(tmp_path):
    first = opened(tmp_path)
    second = opened(tmp_path)
    with pytest.raises(Internal, match="another driver has taken over"):
        first.write(record("a"))
    assert first.guests == {}
    second.write(record("b"))


def test_a_full_disk_is_no_resources():
    with pytest.raises(NoResources, match="the disk is full"):
        append_line(Path("/dev/full"), b"line\n")
