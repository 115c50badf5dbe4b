"""What an earlier driver left of a guest: a process that lives, or the question how it ended."""

from __future__ import annotations

import logging

from kilonova_driver.errors import DriverError
from kilonova_driver.types.guests import GuestSpec, Power

from kilonova_driver_qemu.layout import GuestFiles
from kilonova_driver_qemu.monitor import Monitor
from kilonova_driver_qemu.pinning import pin
from kilonova_driver_qemu.process import boot_id
from kilonova_driver_qemu.record import Record

log = logging.getLogger(__name__)

ATTACH_SECONDS = 5.0


def how_it_ended(record: Record) -> tuple[Power, str]:
    """Judge a process that is gone though nobody saw it go."""
    if record.expected_end:
        return Power.OFF, ""
    if record.process is not None and record.process.boot_id != boot_id():
        return Power.OFF, "its host was restarted"
    return Power.CRASHED, "its process ended while no driver watched"


async def reconnect(files: GuestFiles, pid: int, spec: GuestSpec | None) -> tuple[Monitor | None, str]:
    """Connect to a process that lives already, and ask for its state; without an answer it is taken to run.

    Its threads are put on their processors again: the driver may have died between its start and that.
    """
    try:
        monitor = await Monitor.connect(files.monitor, ATTACH_SECONDS)
        status = await monitor.status()
    except DriverError as error:
        log.info("a guest's monitor does not answer yet: %s", error)
        return None, "running"
    try:
        if spec is not None:
            await pin(monitor, pid, spec.layout)
    except DriverError as error:
        log.warning("guest %s cannot be put on its processors: %s", files.home.name, error)
    return monitor, status
