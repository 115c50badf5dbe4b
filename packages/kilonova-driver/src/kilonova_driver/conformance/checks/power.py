"""On, off, and afresh."""

from __future__ import annotations

from kilonova_driver.conformance.bench import GRACE_SECONDS, Bench
from kilonova_driver.conformance.verdicts import gone, require, require_power, require_untouched
from kilonova_driver.driver import Diagnoses, Driver, Mode, Pauses, PowerTarget
from kilonova_driver.types.guests import Guest, Power


async def a_guest_is_switched_off_by_force(bench: Bench) -> None:
    """Forced off, a guest is off when the call returns; off already is success."""
    await _switched_off(bench, Mode.FORCE)


async def a_guest_is_switched_off_gracefully(bench: Bench) -> None:
    """Asked to stop, a guest is off when the call returns, at the latest after the grace; off already is success."""
    await _switched_off(bench, Mode.GRACEFUL)


async def a_guest_is_switched_on(bench: Bench) -> None:
    """A guest that is off is switched on, and started later than before; on already is success."""
    driver = await bench.driver()
    first = await bench.built(driver)
    name = first.guest_id
    await driver.set_power(bench.order(2), name, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS)
    on = await driver.set_power(bench.order(3), name, PowerTarget.ON, Mode.GRACEFUL, GRACE_SECONDS)
    require_power(on, Power.ON, "switched on")
    require_later(first, on, "switched on")
    again = await driver.set_power(bench.order(4), name, PowerTarget.ON, Mode.FORCE, GRACE_SECONDS)
    require_untouched(on, again, "switched on twice")
    require_untouched(on, await driver.get_guest(name), "switched on twice")


async def a_guest_is_rebooted_by_force(bench: Bench) -> None:
    """Rebooted by force, a guest runs, and was started afresh."""
    await _rebooted(bench, Mode.FORCE)


async def a_guest_is_rebooted_gracefully(bench: Bench) -> None:
    """Asked to reboot, a guest runs, and was started afresh, at the latest after the grace."""
    await _rebooted(bench, Mode.GRACEFUL)


async def rebooting_what_is_off_turns_it_on(bench: Bench) -> None:
    """A reboot of a guest that is off turns it on, by force and gracefully."""
    driver = await bench.driver()
    for mode in Mode:
        guest = await bench.built(driver, PowerTarget.OFF)
        require_power(
            await driver.reboot(bench.order(2), guest.guest_id, mode, GRACE_SECONDS), Power.ON, f"rebooted ({mode})"
        )
        require_power(await driver.get_guest(guest.guest_id), Power.ON, f"rebooted ({mode})")


async def a_missing_guest_is_not_found(bench: Bench) -> None:
    """Every call that names a guest (but remove) raises GuestNotFound when there is none, and makes none."""
    driver = await bench.driver()
    name = bench.spec().guest_id
    await gone("get_guest", driver.get_guest(name))
    await gone("console_log", driver.console_log(name, 100))
    for mode in Mode:
        await gone("reboot", driver.reboot(bench.order(), name, mode, GRACE_SECONDS))
        for target in PowerTarget:
            await gone(f"set_power {target}", driver.set_power(bench.order(), name, target, mode, GRACE_SECONDS))
    if isinstance(driver, Pauses):
        await gone("pause", driver.pause(bench.order(), name))
        await gone("unpause", driver.unpause(bench.order(), name))
    if isinstance(driver, Diagnoses):
        await gone("diagnostics", driver.diagnostics(name))
    require(not await driver.list_guests(), "now there is a guest")


def require_later(before: Guest, after: Guest, when: str) -> None:
    times = (before.started_at or 0.0, after.started_at or 0.0)
    require(times[0] < times[1], f"{when} it was started at {times[1]}, before that at {times[0]}: not afresh")


async def _switched_off(bench: Bench, mode: Mode) -> None:
    driver = await bench.driver()
    guest = await bench.built(driver)
    for generation in (2, 3):
        order = bench.order(generation)
        off = await driver.set_power(order, guest.guest_id, PowerTarget.OFF, mode, GRACE_SECONDS)
        require_power(off, Power.OFF, f"switched off ({mode})")
        await _still(driver, off)


async def _rebooted(bench: Bench, mode: Mode) -> None:
    driver = await bench.driver()
    before = await bench.built(driver)
    after = await driver.reboot(bench.order(2), before.guest_id, mode, GRACE_SECONDS)
    require_power(after, Power.ON, f"rebooted ({mode})")
    require_later(before, after, f"rebooted ({mode})")
    await _still(driver, after)


async def _still(driver: Driver, guest: Guest) -> None:
    require_untouched(guest, await driver.get_guest(guest.guest_id), "looked at again")


CHECKS = (
    a_guest_is_switched_off_by_force,
    a_guest_is_switched_off_gracefully,
    a_guest_is_switched_on,
    a_guest_is_rebooted_by_force,
    a_guest_is_rebooted_gracefully,
    rebooting_what_is_off_turns_it_on,
    a_missing_guest_is_not_found,
)
