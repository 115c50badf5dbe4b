"""What this host knows of its guests, on disk and in memory: a file for each guest, and one for each removed guest.

    DIR/guests/ID.json     the wish, its generation, how the last operation ended      0600: wishes hold passwords
    DIR/removed/ID.json    a tombstone, kept for a day: late messages about the guest are refused
    DIR/broken/            files that could not be read, kept for people to look at

Invariants:
- Memory is read from disk once, at start; after that every change is written first, then believed.
- A file that cannot be read is set aside and told; it is never the end of the agent.
- A record is changed in the guest's lane (``worker.py``), or in one go without an await while nothing is in hand.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from kilonova_driver.errors import InvalidSpec
from kilonova_kit.private_files import private_directory, write_private
from kilonova_messages.steps import StepReport
from kilonova_messages.wishes import GuestWish

from kilonova_agent.resources.given import Given

log = logging.getLogger(__name__)

VERSION = 1
TOMBSTONE_SECONDS = 24 * 3600.0
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_encoder = msgspec.json.Encoder()


class GuestRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One guest. ``made`` is set once its driver has had it whole; ``power`` is the last one seen.

    ``host_stopped`` says that the host took the guest down with itself, so that the controller starts it again.
    """

    guest_id: str
    generation: int
    version: int = VERSION
    wish: GuestWish | None = None
    made: bool = False
    power: str = ""
    handle: bytes = b""
    last: StepReport | None = None
    host_stopped: bool = False
    #: Processors and devices that are this guest's alone; written together with the wish that they are for.
    given: Given = Given()


class Tombstone(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A guest that was removed. ``removed_at`` is this host's clock."""

    guest_id: str
    generation: int
    removed_at: float
    last: StepReport | None = None


Kept = TypeVar("Kept", GuestRecord, Tombstone)


class Records:
    """All records of one agent. ``durable``: wait for the disk at each write."""

    def __init__(self, directory: Path, *, durable: bool) -> None:
        self._directory = directory
        self.durable = durable
        self._guests: dict[str, GuestRecord] = {}
        self._removed: dict[str, Tombstone] = {}
        #: (network id, fixed address) -> guest id
        self._addresses: dict[tuple[str, str], str] = {}

    def load(self) -> None:
        for name in ("guests", "removed"):
            private_directory(self._directory / name)
        for record in self._read("guests", GuestRecord):
            self._believe(record)
        for stone in self._read("removed", Tombstone):
            self._settle(stone)
        self.forget_old(time.time())

    def _settle(self, stone: Tombstone) -> None:
        """Of a guest's record and its tombstone, which a sudden death can leave both, the newer one counts."""
        record = self._guests.get(stone.guest_id)
        if record is None or record.generation <= stone.generation:
            self._forget_guest(stone.guest_id)
            self._removed[stone.guest_id] = stone
        else:
            self._path("removed", stone.guest_id).unlink()

    def _read(self, room: str, kind: type[Kept]) -> Iterator[Kept]:
        decoder = msgspec.json.Decoder(kind)
        for path in sorted((self._directory / room).iterdir()):
            if path.name.startswith("."):
                path.unlink()  # a draft of a write that was cut short
                continue
            try:
                kept = decoder.decode(path.read_bytes())
                if kept.guest_id != path.stem:
                    raise ValueError(f"it is about {kept.guest_id!r}")
            except (OSError, ValueError) as error:
                self._set_aside(path, error)
            else:
                yield kept

    def _set_aside(self, path: Path, error: Exception) -> None:
        log.error("the record %s cannot be read and is set aside: %s", path, error)
        broken = private_directory(self._directory / "broken")
        path.replace(broken / f"{path.stem}.{time.time_ns()}.json")

    def __iter__(self) -> Iterator[GuestRecord]:
        return iter(tuple(self._guests.values()))

    def get(self, guest_id: str) -> GuestRecord | None:
        return self._guests.get(guest_id)

    def generation(self, guest_id: str) -> int:
        """The newest generation written down for a guest that is or was here; 0 for a stranger."""
        found = self._guests.get(guest_id) or self._removed.get(guest_id)
        return found.generation if found else 0

    def last(self, guest_id: str) -> StepReport | None:
        """How the last operation on the guest ended."""
        found = self._guests.get(guest_id) or self._removed.get(guest_id)
        return found.last if found else None

    def guest_at(self, network_id: str, address: str) -> GuestRecord | None:
        guest_id = self._addresses.get((network_id, address))
        return self._guests.get(guest_id) if guest_id else None

    def put(self, record: GuestRecord) -> None:
        """Write, then believe. OSError when the disk does not take it; InvalidSpec for an id that is no file name."""
        path = self._path("guests", record.guest_id)
        write_private(path, _encoder.encode(record), durable=self.durable)
        self._believe(record)
        if self._removed.pop(record.guest_id, None):
            self._path("removed", record.guest_id).unlink(missing_ok=True)

    def bury(self, stone: Tombstone) -> None:
        """Forget the guest but for its tombstone. A full disk is no reason to keep it: then only memory remembers."""
        try:
            write_private(self._path("removed", stone.guest_id), _encoder.encode(stone), durable=self.durable)
        except OSError as error:
            log.warning("the tombstone of guest %s cannot be written: %s", stone.guest_id, error)
        self._removed[stone.guest_id] = stone
        self._forget_guest(stone.guest_id)

    def _forget_guest(self, guest_id: str) -> None:
        self._disbelieve(guest_id)
        self._path("guests", guest_id).unlink(missing_ok=True)

    def forget_old(self, now: float) -> None:
        """Let go of tombstones after their day, those from the future included."""
        for stone in tuple(self._removed.values()):
            if abs(now - stone.removed_at) > TOMBSTONE_SECONDS:
                del self._removed[stone.guest_id]
                self._path("removed", stone.guest_id).unlink(missing_ok=True)

    def _path(self, room: str, guest_id: str) -> Path:
        if not _SAFE_ID.fullmatch(guest_id):
            raise InvalidSpec(f"not a guest id: {guest_id!r}")
        return self._directory / room / f"{guest_id}.json"

    def _believe(self, record: GuestRecord) -> None:
        known = self._guests.get(record.guest_id)
        if known is None or known.wish is not record.wish:
            self._disbelieve(record.guest_id)
            self._addresses.update(dict.fromkeys(_addresses(record), record.guest_id))
        self._guests[record.guest_id] = record

    def _disbelieve(self, guest_id: str) -> None:
        known = self._guests.pop(guest_id, None)
        for address in _addresses(known) if known else ():
            if self._addresses.get(address) == guest_id:
                del self._addresses[address]


def _addresses(record: GuestRecord) -> Iterator[tuple[str, str]]:
    if record.wish is not None:
        for port in record.wish.ports:
            for fixed in port.fixed_ips:
                yield port.network_id, fixed.ip_address
