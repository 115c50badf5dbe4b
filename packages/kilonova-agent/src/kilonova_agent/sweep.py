"""After a sudden death: what belongs to no guest goes, what a guest should have comes back.

    a port, or a config drive, of no record             removed
    a guest without a record                             left: it is reported, and the controller decides
    a record whose guest never came                      left: it is reported, and the controller decides
    a port of a running guest that is not wired          wired

Runs at start, before any step. A guest that ran when its machine went down counts as stopped by its host.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
from kilonova_driver.types.guests import Guest, Power
from kilonova_kit.private_files import write_private

from kilonova_agent.errors import StepFailure
from kilonova_agent.network.errors import NetworkError
from kilonova_agent.records import GuestRecord, Records
from kilonova_agent.steps.wiring import unwire, wire
from kilonova_agent.steps.work import Host

log = logging.getLogger(__name__)

_RUNNING = (Power.ON, Power.PAUSED)
_RAN = frozenset(power.value for power in _RUNNING)


async def sweep(host: Host, boot_file: Path, boot_id: str) -> None:
    """Raises DriverError. What cannot be mended now is told and left for the next start."""
    guests = {guest.guest_id: guest for guest in await host.driver.list_guests()}
    _note_reboot(host.records, guests, boot_file, boot_id)
    for record in host.records:
        _follow(host.records, record, guests.get(record.guest_id))
    for work in (_remove_leftovers(host), _rewire(host, guests)):
        try:
            await work
        except (StepFailure, NetworkError, OSError) as error:
            log.error("the host could not be put in order: %s", error)


def _note_reboot(records: Records, guests: dict[str, Guest], boot_file: Path, boot_id: str) -> None:
    """Mark the guests that went down with the machine."""
    before = boot_file.read_text() if boot_file.exists() else boot_id
    if before != boot_id:
        for record in records:
            guest = guests.get(record.guest_id)
            if record.power in _RAN and guest is not None and guest.power not in _RUNNING:
                log.info("guest %s went down with its host", record.guest_id)
                records.put(msgspec.structs.replace(record, host_stopped=True))
    write_private(boot_file, boot_id.encode(), durable=False)


def _follow(records: Records, record: GuestRecord, guest: Guest | None) -> None:
    """Learn what happened to a guest while nobody watched. One that runs has not gone down with its host after all."""
    if guest is None:
        return
    runs = guest.power in _RUNNING
    seen = msgspec.structs.replace(
        record, power=guest.power.value, made=record.made or runs, host_stopped=record.host_stopped and not runs
    )
    if seen != record:
        records.put(seen)


async def _remove_leftovers(host: Host) -> None:
    wished = {port.port_id for record in host.records if record.wish is not None for port in record.wish.ports}
    stray = [port.port_id for port in await host.network.ports() if port.port_id not in wished]
    if stray:
        log.info("removing %d ports of no guest", len(stray))
        await unwire(host.network, stray)
    for guest_id in host.drives.guest_ids():
        if host.records.get(guest_id) is None:
            log.info("removing the config drive of %s, which is no guest", guest_id)
            host.drives.remove(guest_id)


async def _rewire(host: Host, guests: dict[str, Guest]) -> None:
    wired = {port.port_id for port in await host.network.ports()}
    for record in host.records:
        guest = guests.get(record.guest_id)
        if record.wish is None or guest is None or guest.power not in _RUNNING:
            continue
        missing = [port for port in record.wish.ports if port.port_id not in wired]
        try:
            await wire(host.network, record.guest_id, missing)
        except StepFailure as error:  # the others' ports may well be wired
            log.error("guest %s is not wired: %s", record.guest_id, error)
