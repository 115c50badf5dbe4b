"""Order a fake host to misbehave from outside: a test, a chaos run, or a person with an editor.

Two files below the driver's ``state_dir``, both append-only, one JSON line each:
``control.jsonl`` holds the faults (written here), ``control-used.jsonl`` the uses (written by the driver, before the
fault takes effect, so that a driver which dies on order does not die again when it is started anew).
The driver looks at the file at every call, and a few times a second between calls.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TypeVar

import msgspec

from kilonova_driver_fake.faults import Fault, Kind

FAULTS_FILE = "control.jsonl"
USES_FILE = "control-used.jsonl"
Item = TypeVar("Item", Fault, "Use")


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A fault took effect on a call."""

    fault_id: str
    method: str
    guest_id: str


class FakeControl:
    """The orders for the fake host of one ``state_dir``; works from any process, before or while the driver lives."""

    def __init__(self, state_dir: str | Path) -> None:
        self._dir = Path(state_dir)

    def fail_next(self, method: str, code: str, *, times: int = 1, guest_id: str = "", message: str = "") -> str:
        """Refuse the next ``times`` calls (0: all, until released) with the error of that code."""
        return self._order(Kind.FAIL, method=method, code=code, times=times, guest_id=guest_id, message=message)

    def block(self, method: str, *, guest_id: str = "") -> str:
        """Let calls wait until the returned id is released; ``uses`` tells that one does."""
        return self._order(Kind.BLOCK, method=method, guest_id=guest_id)

    def delay(self, method: str, seconds: float, *, times: int = 0, guest_id: str = "") -> str:
        """Let calls take that much longer."""
        return self._order(Kind.DELAY, method=method, seconds=seconds, times=times, guest_id=guest_id)

    def die(self, method: str, when: str, *, guest_id: str = "") -> str:
        """End the driver's process at its next such call, ``when`` is "before" or "after" it has taken effect."""
        return self._order(Kind.DIE, method=method, when=when, times=1, guest_id=guest_id)

    def crash_guest(self, guest_id: str, reason: str = "crashed on order") -> str:
        """Let a running guest crash by itself; an event tells of it."""
        return self._order(Kind.CRASH, guest_id=guest_id, message=reason, times=1)

    def power_off_guest(self, guest_id: str, reason: str = "powered off from inside") -> str:
        """Let a running guest switch itself off; an event tells of it."""
        return self._order(Kind.POWER_OFF, guest_id=guest_id, message=reason, times=1)

    def release(self, fault_id: str) -> None:
        """End a fault; calls that it blocks go on. A guest's own block has the id ``GUEST_ID/block``."""
        self._order(Kind.RELEASE, target=fault_id)

    def uses(self, fault_id: str) -> int:
        """How many calls the fault has taken effect on so far."""
        return sum(use.fault_id == fault_id for use in read_lines(self._dir / USES_FILE, Use))

    def _order(self, kind: Kind, **parts: str | int | float) -> str:
        fault = msgspec.convert({"fault_id": uuid.uuid4().hex, "kind": kind.value, **parts}, Fault)
        self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        add_line(self._dir / FAULTS_FILE, fault)
        return fault.fault_id


def add_line(path: Path, item: Fault | Use) -> None:
    """Append one line with one write, so that writers do not mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, msgspec.json.encode(item) + b"\n")
    finally:
        os.close(descriptor)


def read_lines(path: Path, kind: type[Item]) -> list[Item]:
    """Decode every whole line; a file that is not there is empty."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [msgspec.json.decode(line, type=kind) for line in lines]
