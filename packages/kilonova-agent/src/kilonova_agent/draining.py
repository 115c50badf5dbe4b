"""Take the guests down with their host, so that they come back with it.

Each running guest is marked on disk before it is asked to stop: however this ends, the next start reports it as stopped
by its host, and the controller starts it again.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.errors import DriverError
from kilonova_driver.types.guests import Guest, Power
from kilonova_driver.types.orders import Order
from kilonova_kit.ids import new_uuid
from kilonova_kit.logs import bind

from kilonova_agent.records import GuestRecord
from kilonova_agent.steps.work import Host

log = logging.getLogger(__name__)

#: How much longer than its grace a stop may take before it is left alone.
_MARGIN_SECONDS = 15.0


async def drain(host: Host, grace_seconds: float) -> tuple[str, ...]:
    """Stop every guest that runs, all at the same time; the ids of those that would not stop. DriverError."""
    running = [guest for guest in await host.driver.list_guests() if guest.power in (Power.ON, Power.PAUSED)]
    for guest in running:
        _mark(host, guest)
    stopped = await asyncio.gather(*(_stop(host, guest, grace_seconds) for guest in running))
    return tuple(guest.guest_id for guest, done in zip(running, stopped, strict=True) if not done)


def _mark(host: Host, guest: Guest) -> None:
    record = host.records.get(guest.guest_id) or GuestRecord(guest_id=guest.guest_id, generation=guest.generation)
    try:
        host.records.put(msgspec.structs.replace(record, host_stopped=True))
    except OSError as error:  # it must go down all the same, and better asked than with the power
        log.error("it cannot be written down that guest %s goes down with its host: %s", guest.guest_id, error)


async def _stop(host: Host, guest: Guest, grace_seconds: float) -> bool:
    generation = max(guest.generation, host.records.generation(guest.guest_id))
    order = Order(operation_id=new_uuid(), generation=generation)
    with bind(server_id=guest.guest_id):
        try:
            async with asyncio.timeout(grace_seconds + _MARGIN_SECONDS):
                await host.driver.set_power(order, guest.guest_id, PowerTarget.OFF, Mode.GRACEFUL, grace_seconds)
        except (DriverError, TimeoutError) as error:
            log.error("guest %s did not stop with its host: %s", guest.guest_id, error or "no end in sight")
            return False
    return True
