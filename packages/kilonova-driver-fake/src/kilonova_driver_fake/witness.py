"""Catch one guest on two hosts: in a directory that all fake hosts of a cloud share (the option ``witness_dir``).

Each guest that exists anywhere is a symbolic link there, called as the guest and pointing to its host's name: made
before the guest, taken away after it. Who finds another host's name has caught a double; it is refused, and a line in
``doubles.txt`` says so to the test that looks afterwards.
"""

from __future__ import annotations

from pathlib import Path

from kilonova_driver.errors import Conflict

DOUBLES_FILE = "doubles.txt"


def arrive(place: Path, guest_id: str, host: str) -> None:
    """Note that the guest is about to exist on this host. Raises Conflict when it exists on another."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        (place / guest_id).symlink_to(host)
    except FileExistsError:
        other = host_of(place, guest_id)
        if other in (host, None):
            return
        with (place / DOUBLES_FILE).open("a", encoding="utf-8") as file:
            file.write(f"{guest_id} {other} {host}\n")
        raise Conflict(f"guest {guest_id} exists on host {other} already") from None


def leave(place: Path, guest_id: str, host: str) -> None:
    """Note that the guest is gone from this host; another host's note stays."""
    if host_of(place, guest_id) == host:
        (place / guest_id).unlink(missing_ok=True)


def host_of(place: Path, guest_id: str) -> str | None:
    """Where the guest is; None: nowhere."""
    try:
        return str((place / guest_id).readlink())
    except OSError:
        return None
