"""Records on disk: whole, private, and never the end of the agent."""

import errno
import os
import stat
import time

import msgspec
import pytest
from kilonova_agent.records import TOMBSTONE_SECONDS, GuestRecord, Records, Tombstone
from kilonova_driver.errors import InvalidSpec
from kilonova_messages.steps import StepReport


@pytest.fixture
def load(tmp_path):
    def make(durable=False):
        records = Records(tmp_path, durable=durable)
        records.load()
        return records

    return make


def report(operation_id="op-1"):
    return StepReport(operation_id=operation_id, action_id="a", server_id="g1", generation=3, state="done", power="on")


@pytest.mark.parametrize("durable", [True, False])
def test_a_record_is_found_again_with_everything_in_it(durable, load, make_wish):
    wish = make_wish("g1")
    kept = GuestRecord(guest_id="g1", generation=3, wish=wish, made=True, power="on", handle=b"\x00h", last=report())
    load(durable).put(kept)
    assert load().get("g1") == kept
    assert load().last("g1") == report()


def test_a_record_is_private(load, tmp_path):
    load().put(GuestRecord(guest_id="g1", generation=1))
    assert stat.S_IMODE((tmp_path / "guests" / "g1.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "guests").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content", [b"", b'{"guest_id":"g1","gen', b"\xff\xfe", b'{"guest_id":"other","generation":1}']
)
def test_a_torn_record_is_set_aside_and_told(content, load, tmp_path, caplog):
    load().put(GuestRecord(guest_id="g2", generation=1))
    (tmp_path / "guests" / "g1.json").write_bytes(content)
    records = load()
    assert [record.guest_id for record in records] == ["g2"]
    assert "cannot be read" in caplog.text
    (kept,) = (tmp_path / "broken").iterdir()
    assert kept.read_bytes() == content


def test_a_draft_of_a_write_that_was_cut_short_is_removed(load, tmp_path):
    load()
    (tmp_path / "guests" / ".g1.json.new").write_bytes(b"half")
    load()
    assert not list((tmp_path / "guests").iterdir())


def test_a_buried_guest_keeps_its_generation_for_a_day(load):
    records = load()
    records.put(GuestRecord(guest_id="g1", generation=3))
    records.bury(Tombstone(guest_id="g1", generation=4, removed_at=1000.0, last=report("op-2")))
    assert records.get("g1") is None
    assert (records.generation("g1"), records.last("g1").operation_id) == (4, "op-2")
    records.forget_old(1000.0 + TOMBSTONE_SECONDS - 1)
    assert records.generation("g1") == 4
    records.forget_old(1000.0 + TOMBSTONE_SECONDS + 1)
    assert records.generation("g1") == 0


@pytest.mark.parametrize(("record", "stone", "lives"), [(4, 5, False), (5, 5, False), (6, 5, True)])
def test_of_a_record_and_a_tombstone_that_a_sudden_death_left_the_newer_counts(record, stone, lives, load, tmp_path):
    load().put(GuestRecord(guest_id="g1", generation=record, made=True))
    kept = (tmp_path / "guests" / "g1.json").read_bytes()
    load().bury(Tombstone(guest_id="g1", generation=stone, removed_at=time.time(), last=report("op-2")))
    (tmp_path / "guests" / "g1.json").write_bytes(kept)
    records = load()
    assert (records.get("g1") is not None) == lives
    assert records.generation("g1") == max(record, stone)
    assert len([*(tmp_path / "guests").iterdir(), *(tmp_path / "removed").iterdir()]) == 1


def test_a_guest_that_comes_again_has_no_tombstone(load, tmp_path):
    records = load()
    records.bury(Tombstone(guest_id="g1", generation=4, removed_at=1e12))
    records.put(GuestRecord(guest_id="g1", generation=5))
    assert not list((tmp_path / "removed").iterdir())
    assert records.generation("g1") == 5


def test_a_guest_is_found_by_its_address_until_it_is_gone(load, make_wish):
    records, wish = load(), make_wish("g1")
    records.put(GuestRecord(guest_id="g1", generation=1, wish=wish))
    assert records.guest_at("net-1", "10.0.0.5").guest_id == "g1"
    assert records.guest_at("net-2", "10.0.0.5") is None
    moved = msgspec.structs.replace(wish, ports=())
    records.put(GuestRecord(guest_id="g1", generation=2, wish=moved))
    assert records.guest_at("net-1", "10.0.0.5") is None


@pytest.mark.parametrize("guest_id", ["../x", "", ".hidden", "a/b", "x" * 200])
def test_an_id_that_is_no_file_name_is_refused(guest_id, load):
    with pytest.raises(InvalidSpec):
        load().put(GuestRecord(guest_id=guest_id, generation=1))


def test_a_full_disk_leaves_the_old_record(load, monkeypatch):
    records = load()
    records.put(GuestRecord(guest_id="g1", generation=1))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        records.put(GuestRecord(guest_id="g1", generation=2))
    assert records.generation("g1") == 1
    monkeypatch.undo()
    assert load().generation("g1") == 1


def test_a_full_disk_does_not_keep_a_guest_from_being_buried(load, monkeypatch, caplog):
    records = load()
    records.put(GuestRecord(guest_id="g1", generation=1))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    records.bury(Tombstone(guest_id="g1", generation=2, removed_at=0))
    assert (records.get("g1"), records.generation("g1")) == (None, 2)
    assert "cannot be written" in caplog.text
