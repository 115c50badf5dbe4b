"""The fake host's memory on disk: one JSON line per change, in ``guests-NNNNNN.jsonl`` below the state directory.

Invariants:
- A line is appended before the change is believed, so a process killed with signal 9 loses nothing that it answered.
  (No fsync: the host is simulated, the machine below it is not.)
- The file with the highest number is the truth. Compaction writes the next one beside it, renames it in place and
  removes the older ones; a start compacts too, which cuts off a torn last line.
- Who is superseded by a newer driver on the same directory notices at its next write, because its file is gone.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from kilonova_driver.errors import Internal, NoResources

from kilonova_driver_fake.records import Record, Removed

Entry = Record | Removed
#: Compact when there are this many times more lines than entries, and at least ``MIN_LINES``.
SLACK = 3
MIN_LINES = 2000
#: Removed guests that are remembered, newest last; an order that is later than that many removals is not awaited.
REMEMBERED_REMOVALS = 10_000

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Record | Removed)


class Journal:
    """The entries of one state directory: the newest of each guest, in the order of their first appearance."""

    def __init__(self, state_dir: Path) -> None:
        self._dir = state_dir
        self._number = 0
        self._lines = 0
        self.guests: dict[str, Record] = {}
        self.removed: dict[str, Removed] = {}

    def open(self) -> None:
        """Read what is there, then start a file of our own."""
        self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for entry in read_entries(newest_file(self._dir)):
            self._believe(entry)
        self._compact()

    def write(self, entry: Entry) -> None:
        """Append, then believe. Raises NoResources on a full disk, Internal for one who was superseded."""
        append_line(self._path(), _encoder.encode(entry) + b"\n")
        self._believe(entry)
        self._lines += 1
        if self._lines > max(MIN_LINES, SLACK * (len(self.guests) + len(self.removed))):
            self._compact()

    def is_superseded(self) -> bool:
        """Whether a newer driver has taken over the directory."""
        return not self._path().exists()

    def _path(self) -> Path:
        return self._dir / f"guests-{self._number:06d}.jsonl"

    def _believe(self, entry: Entry) -> None:
        if isinstance(entry, Record):
            self.removed.pop(entry.guest_id, None)
            self.guests[entry.guest_id] = entry
            return
        self.guests.pop(entry.guest_id, None)
        self.removed.pop(entry.guest_id, None)
        self.removed[entry.guest_id] = entry
        if len(self.removed) > REMEMBERED_REMOVALS:
            del self.removed[next(iter(self.removed))]

    def _compact(self) -> None:
        entries = [*self.removed.values(), *self.guests.values()]
        older = numbered_files(self._dir)
        self._number = number_of(older[-1]) + 1 if older else 1
        draft = self._dir / f"draft-{self._number:06d}"
        try:
            draft.write_bytes(b"".join(_encoder.encode(entry) + b"\n" for entry in entries))
            draft.rename(self._path())
        except OSError as error:
            raise refusal(error, draft) from error
        self._lines = len(entries)
        for path in older:
            path.unlink(missing_ok=True)


def numbered_files(state_dir: Path) -> list[Path]:
    return sorted(state_dir.glob("guests-*.jsonl"), key=number_of)


def number_of(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def newest_file(state_dir: Path) -> Path | None:
    files = numbered_files(state_dir)
    return files[-1] if files else None


def read_entries(path: Path | None) -> Iterable[Entry]:
    """Decode every whole line; a torn last one is passed over. Raises Internal for a broken line elsewhere."""
    lines = path.read_bytes().split(b"\n") if path else [b""]
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield _decoder.decode(line)
        except msgspec.DecodeError as error:
            raise Internal(f"{path}, line {number} is broken: {error}") from error


def append_line(path: Path, line: bytes) -> None:
    """Append to a file that must exist; a line that did not fit is taken back."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Internal(f"another driver has taken over {path.parent}") from error
    try:
        written = os.write(descriptor, line)
        if written < len(line):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
            raise NoResources(f"the disk is full: {path}")
    except OSError as error:
        raise refusal(error, path) from error
    finally:
        os.close(descriptor)


def refusal(error: OSError, path: Path) -> NoResources | Internal:
    """What a failed write means in the words of the contract."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoResources(f"the disk is full: {path}")
    return Internal(f"cannot write {path}: {error}")
