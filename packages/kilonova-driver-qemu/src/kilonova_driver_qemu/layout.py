"""Where a guest's things are kept on disk, and which guest ids are safe as directory names.

state_dir/
  accelerator.json         what the boot-sector probe found, for this QEMU and this boot
  removed/ID.json          the tombstone of a removed guest: late orders for it are refused
  guests/ID/               0700
    record.json            the truth about the guest, written atomically
    lock                   flocked by the guest's QEMU process for as long as it lives
    disks/NAME.qcow2       0600
    console.log            what the guest wrote; console.1.log is what was before the last cut
    qemu.log               what QEMU itself complained about
    qmp.sock               the driver's monitor; operator.sock is a spare one for a person
    serial.sock            the serial console
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import msgspec
from kilonova_driver.errors import InvalidSpec

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_SAFE_DISK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_NAMESPACE = uuid.UUID("6f0c1c9e-6b0b-5d1c-9f57-3a3f0f4c7a11")


class GuestFiles(msgspec.Struct, frozen=True):
    """The paths of one guest, all derived from its directory."""

    home: Path

    @property
    def record(self) -> Path:
        return self.home / "record.json"

    @property
    def lock(self) -> Path:
        return self.home / "lock"

    @property
    def disks(self) -> Path:
        return self.home / "disks"

    @property
    def console(self) -> Path:
        return self.home / "console.log"

    @property
    def old_console(self) -> Path:
        return self.home / "console.1.log"

    @property
    def complaints(self) -> Path:
        return self.home / "qemu.log"

    @property
    def monitor(self) -> Path:
        return self.home / "qmp.sock"

    @property
    def operator(self) -> Path:
        return self.home / "operator.sock"

    @property
    def serial(self) -> Path:
        return self.home / "serial.sock"

    def disk(self, name: str) -> Path:
        return self.disks / f"{name}.qcow2"


class StateFiles(msgspec.Struct, frozen=True):
    """The paths of the whole driver."""

    root: Path

    @property
    def guests(self) -> Path:
        return self.root / "guests"

    @property
    def removed(self) -> Path:
        return self.root / "removed"

    @property
    def accelerator(self) -> Path:
        return self.root / "accelerator.json"

    def guest(self, guest_id: str) -> GuestFiles:
        return GuestFiles(self.guests / guest_id)

    def tombstone(self, guest_id: str) -> Path:
        return self.removed / f"{guest_id}.json"

    def make(self) -> None:
        for path in (self.root, self.guests, self.removed):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)


def check_guest_id(guest_id: str) -> None:
    """Refuse an id that is no safe directory name. Raises InvalidSpec."""
    if not _SAFE_ID.fullmatch(guest_id):
        raise InvalidSpec(f"guest id {guest_id!r} is not a plain name of letters, digits, '.', '_' and '-'")


def check_disk_name(name: str) -> None:
    """Refuse a disk name that is no safe file name. Raises InvalidSpec."""
    if not _SAFE_DISK.fullmatch(name):
        raise InvalidSpec(f"disk name {name!r} is not a plain name of letters, digits, '_' and '-'")


def firmware_uuid(guest_id: str) -> str:
    """Give the UUID that the guest sees: its id, or one made of it where the id is no UUID."""
    try:
        return str(uuid.UUID(guest_id))
    except ValueError:
        return str(uuid.uuid5(_NAMESPACE, guest_id))
