"""What is heard of guests: the console, and events.

A guest that dies by itself cannot be had from the contract, so a driver may offer the hook ``KillsGuests`` for checks.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, runtime_checkable

from kilonova_driver.conformance.bench import GRACE_SECONDS, Bench
from kilonova_driver.conformance.verdicts import CheckFailed, NotApplicable, eventually, require, require_power
from kilonova_driver.driver import Driver, Mode, PowerTarget
from kilonova_driver.types.guests import GuestEvent, Power

SECONDS_FOR_AN_EVENT = 60.0


@runtime_checkable
class KillsGuests(Protocol):
    """An optional hook for checks only: nobody else calls it."""

    async def kill_guest_for_check(self, guest_id: str) -> None:
        """Let the running guest die as if by itself (its process gets signal 9)."""


def kills_guests(driver: Driver) -> KillsGuests:
    """The driver as one with the hook; the check does not apply to others."""
    if not isinstance(driver, KillsGuests):
        raise NotApplicable("the driver does not offer kill_guest_for_check")
    return driver


async def the_console_log_is_bounded(bench: Bench) -> None:
    """The console log is bytes, never more than asked for, of a running guest and of one that is off."""
    driver = await bench.driver()
    guest = await bench.built(driver)
    for generation, target in enumerate((PowerTarget.ON, PowerTarget.OFF), start=2):
        await driver.set_power(bench.order(generation), guest.guest_id, target, Mode.FORCE, GRACE_SECONDS)
        for limit in (0, 1, 17, 1_000_000):
            log = await driver.console_log(guest.guest_id, limit)
            require(isinstance(log, bytes), f"the log is {type(log).__name__}")
            require(len(log) <= limit, f"asked for {limit} bytes, got {len(log)}")


async def the_console_log_has_the_latest_text(bench: Bench) -> None:
    """What a guest writes appears in its console log, and a short log is the end of a long one."""
    if bench.capabilities.needs_images and bench.image is None:
        raise NotApplicable("a guest without an image writes nothing")
    driver = await bench.driver()
    guest = await bench.built(driver)

    async def has_text() -> bool:
        return len(await driver.console_log(guest.guest_id, 100_000)) > 20

    await eventually("text on the console", has_text, 120)
    await driver.set_power(bench.order(2), guest.guest_id, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS)
    long, short = [await driver.console_log(guest.guest_id, limit) for limit in (100_000, 20)]
    require(len(short) == 20 and long.endswith(short), f"the short log {short!r} is not the end of the long one")


async def the_death_of_a_guest_is_told(bench: Bench) -> None:
    """When a running guest dies by itself, an event tells of it, its power says so, and it can be started again."""
    driver = await bench.driver()
    hook = kills_guests(driver)
    guest = await bench.built(driver)
    waiting = asyncio.create_task(_death_of(driver, guest.guest_id))
    try:
        await hook.kill_guest_for_check(guest.guest_id)
        async with asyncio.timeout(SECONDS_FOR_AN_EVENT):
            event = await waiting
    except TimeoutError as error:
        raise CheckFailed(f"no event within {SECONDS_FOR_AN_EVENT} s") from error
    finally:
        waiting.cancel()
    require(event.at > 1_000_000_000, f"the event's time is {event.at}")
    found = await driver.get_guest(guest.guest_id)
    require(found.power in (Power.CRASHED, Power.OFF), f"it died, but is {found.power}")
    require(bool(found.reason or event.reason), "neither the guest nor the event says why it died")
    on = await driver.set_power(bench.order(2), guest.guest_id, PowerTarget.ON, Mode.FORCE, GRACE_SECONDS)
    require_power(on, Power.ON, "started again")
    require(not on.reason, f"started again, but it still says: {on.reason}")


async def events_end_with_the_driver(bench: Bench) -> None:
    """The stream of events ends when the driver is closed."""
    driver = await bench.driver()
    reading = asyncio.create_task(_read_all(driver))
    await asyncio.sleep(0)
    await driver.close()
    try:
        async with asyncio.timeout(10):
            await reading
    except TimeoutError as error:
        raise CheckFailed("the driver is closed, but its events have not ended") from error


async def _death_of(driver: Driver, guest_id: str) -> GuestEvent:
    async for event in driver.events():
        if event.guest_id == guest_id and event.power in (Power.CRASHED, Power.OFF):
            return event
    raise CheckFailed("the events ended without telling of the guest's death")


async def _read_all(driver: Driver) -> None:
    async for _ in driver.events():
        pass


CHECKS = (
    the_console_log_is_bounded,
    the_console_log_has_the_latest_text,
    the_death_of_a_guest_is_told,
    events_end_with_the_driver,
)
