"""Orders that come twice, late, or after a newer one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from time import time

import msgspec

from kilonova_driver.conformance.bench import GRACE_SECONDS, Bench
from kilonova_driver.conformance.verdicts import gone, refused, require, require_power, require_untouched
from kilonova_driver.driver import Driver, Mode, Pauses, PowerTarget
from kilonova_driver.errors import Stale, Transient
from kilonova_driver.types.guests import Guest, GuestSpec, Power
from kilonova_driver.types.orders import Order


async def a_repeated_build_has_no_second_effect(bench: Bench) -> None:
    """The same build order again gives the same guest, not started anew."""
    driver, spec, order = await bench.driver(), bench.spec(), bench.order()
    first = await driver.ensure_guest(order, spec, PowerTarget.ON)
    require_untouched(first, await driver.ensure_guest(order, spec, PowerTarget.ON), "after the repeated order")
    count = len(await driver.list_guests())
    require(count == 1, f"there are {count} guests now")


async def a_repeated_reboot_has_no_second_effect(bench: Bench) -> None:
    """The same reboot order again answers, and does not reboot again."""
    driver = await bench.driver()
    guest, order = await bench.built(driver), bench.order(2)
    first = await driver.reboot(order, guest.guest_id, Mode.FORCE, GRACE_SECONDS)
    again = await driver.reboot(order, guest.guest_id, Mode.FORCE, GRACE_SECONDS)
    require_untouched(first, again, "after the repeated order")
    require_untouched(first, await driver.get_guest(guest.guest_id), "after the repeated order")


async def a_reboot_repeated_to_a_new_driver_has_no_second_effect(bench: Bench) -> None:
    """The same reboot order again, after the driver was killed, does not reboot again."""
    remote = await bench.remote()
    guest, order = await bench.built(remote), bench.order(2)
    first = await remote.reboot(order, guest.guest_id, Mode.FORCE, GRACE_SECONDS)
    await remote.kill()
    fresh = await bench.remote()
    again = await fresh.reboot(order, guest.guest_id, Mode.FORCE, GRACE_SECONDS)
    require_untouched(first, again, "after the repeated order")


async def a_repeated_stop_has_no_second_effect(bench: Bench) -> None:
    """The same order to switch off, and to remove, may come again."""
    driver = await bench.driver()
    guest, order = await bench.built(driver), bench.order(2)
    for _ in range(2):
        off = await driver.set_power(order, guest.guest_id, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS)
        require_power(off, Power.OFF, "switched off")
    order = bench.order(3)
    for _ in range(2):
        await driver.remove_guest(order, guest.guest_id)


async def an_older_build_is_stale(bench: Bench) -> None:
    """An ensure with a lower generation than one obeyed is refused, and changes nothing."""
    driver, spec = await bench.driver(), bench.spec()
    before = await driver.ensure_guest(bench.order(5), spec, PowerTarget.ON)
    await refused("an older ensure", driver.ensure_guest(bench.order(4), spec, PowerTarget.OFF), Stale)
    require_untouched(before, await driver.get_guest(spec.guest_id), "after the refusal")


async def an_older_power_order_is_stale(bench: Bench) -> None:
    """set_power with a lower generation is refused, and changes nothing."""
    driver, before = await _at_generation_five(bench)
    call = driver.set_power(bench.order(4), before.guest_id, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS)
    await refused("an older set_power", call, Stale)
    require_untouched(before, await driver.get_guest(before.guest_id), "after the refusal")


async def an_older_reboot_is_stale(bench: Bench) -> None:
    """A reboot with a lower generation is refused, and changes nothing."""
    driver, before = await _at_generation_five(bench)
    call = driver.reboot(bench.order(4), before.guest_id, Mode.FORCE, GRACE_SECONDS)
    await refused("an older reboot", call, Stale)
    require_untouched(before, await driver.get_guest(before.guest_id), "after the refusal")


async def an_older_removal_is_stale(bench: Bench) -> None:
    """A removal with a lower generation is refused, and the guest stays."""
    driver, before = await _at_generation_five(bench)
    await refused("an older remove", driver.remove_guest(bench.order(4), before.guest_id), Stale)
    require_untouched(before, await driver.get_guest(before.guest_id), "after the refusal")


async def an_older_pause_is_stale(bench: Bench) -> None:
    """pause and unpause with a lower generation are refused, and change nothing."""
    pauses = bench.pauses(bench.make_driver())
    driver, before = await _at_generation_five(bench)
    pauses = bench.pauses(driver)
    await refused("an older pause", pauses.pause(bench.order(4), before.guest_id), Stale)
    require_untouched(before, await driver.get_guest(before.guest_id), "after the refusal")
    frozen = await pauses.pause(bench.order(6), before.guest_id)
    await refused("an older unpause", pauses.unpause(bench.order(5), before.guest_id), Stale)
    require_untouched(frozen, await driver.get_guest(before.guest_id), "after the refusal")


async def every_kind_of_order_counts(bench: Bench) -> None:
    """Each obeyed order, of whatever kind, makes older ones stale; one of the same generation is obeyed."""
    driver, before = await _at_generation_five(bench)
    name = before.guest_id
    await driver.set_power(bench.order(6), name, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS)
    await refused("older than a stop", driver.reboot(bench.order(5), name, Mode.FORCE, GRACE_SECONDS), Stale)
    await driver.reboot(bench.order(7), name, Mode.FORCE, GRACE_SECONDS)
    call = driver.set_power(bench.order(6), name, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS)
    await refused("older than a reboot", call, Stale)
    await driver.set_power(bench.order(7), name, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS)
    after = await driver.get_guest(name)
    require_power(after, Power.OFF, "after an order of the same generation")
    require(after.generation == 7, f"it says generation {after.generation}, not 7")


async def an_older_order_is_stale_to_a_new_driver(bench: Bench) -> None:
    """After the driver was killed, an order older than one obeyed before is still refused."""
    remote = await bench.remote()
    spec = bench.spec()
    before = await remote.ensure_guest(bench.order(5), spec, PowerTarget.ON)
    await remote.kill()
    fresh = await bench.remote()
    await refused("an older remove", fresh.remove_guest(bench.order(4), spec.guest_id), Stale)
    await refused("an older ensure", fresh.ensure_guest(bench.order(4), spec, PowerTarget.OFF), Stale)
    require_untouched(before, await fresh.get_guest(spec.guest_id), "after the refusal")


async def a_late_build_does_not_bring_a_removed_guest_back(bench: Bench) -> None:
    """An ensure older than the guest's removal is Stale: after the removal, and when it came first."""
    driver = await bench.driver()
    built, never_built = bench.spec(), bench.spec()
    await driver.ensure_guest(bench.order(1), built, PowerTarget.ON)
    for spec in (built, never_built):
        await driver.remove_guest(bench.order(2), spec.guest_id)
        await refused("a late build", driver.ensure_guest(bench.order(1), spec, PowerTarget.ON), Stale)
        await gone("looking at it", driver.get_guest(spec.guest_id))


async def a_late_build_is_stale_to_a_new_driver(bench: Bench) -> None:
    """After the driver was killed, an ensure older than a guest's removal is still refused."""
    remote = await bench.remote()
    built, never_built = bench.spec(), bench.spec()
    await remote.ensure_guest(bench.order(1), built, PowerTarget.ON)
    for spec in (built, never_built):
        await remote.remove_guest(bench.order(2), spec.guest_id)
    await remote.kill()
    fresh = await bench.remote()
    for spec in (built, never_built):
        await refused("a late build", fresh.ensure_guest(bench.order(1), spec, PowerTarget.ON), Stale)
        await gone("looking at it", fresh.get_guest(spec.guest_id))


async def an_order_past_its_deadline_is_refused(bench: Bench) -> None:
    """An order whose deadline has passed is Transient, and changes nothing; one with time left is obeyed."""
    driver, spec = await bench.driver(), bench.spec()
    late = driver.ensure_guest(with_deadline(bench.order(1), -60), spec, PowerTarget.ON)
    await refused("a late build", late, Transient)
    await gone("looking at it", driver.get_guest(spec.guest_id))
    before = await driver.ensure_guest(with_deadline(bench.order(1), 600), spec, PowerTarget.ON)
    for what, call in late_calls(bench, driver, spec):
        await refused(what, call(), Transient)
        require_untouched(before, await driver.get_guest(spec.guest_id), f"after {what}")


def late_calls(bench: Bench, driver: Driver, spec: GuestSpec) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
    """Every changing call on a guest that runs, a minute too late."""
    name, late = spec.guest_id, with_deadline(bench.order(2), -60)
    off, grace = PowerTarget.OFF, GRACE_SECONDS
    calls: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        ("a late ensure", partial(driver.ensure_guest, late, spec, off)),
        ("a late set_power", partial(driver.set_power, late, name, off, Mode.FORCE, grace)),
        ("a late reboot", partial(driver.reboot, late, name, Mode.FORCE, grace)),
        ("a late remove", partial(driver.remove_guest, late, name)),
    ]
    if isinstance(driver, Pauses):
        calls.append(("a late pause", partial(driver.pause, late, name)))
        calls.append(("a late unpause", partial(driver.unpause, late, name)))
    return calls


def with_deadline(order: Order, seconds: float) -> Order:
    return msgspec.structs.replace(order, deadline=time() + seconds)


async def _at_generation_five(bench: Bench) -> tuple[Driver, Guest]:
    driver = await bench.driver()
    return driver, await driver.ensure_guest(bench.order(5), bench.spec(), PowerTarget.ON)


CHECKS = (
    a_repeated_build_has_no_second_effect,
    a_repeated_reboot_has_no_second_effect,
    a_reboot_repeated_to_a_new_driver_has_no_second_effect,
    a_repeated_stop_has_no_second_effect,
    an_older_build_is_stale,
    an_older_power_order_is_stale,
    an_older_reboot_is_stale,
    an_older_removal_is_stale,
    an_older_pause_is_stale,
    every_kind_of_order_counts,
    an_older_order_is_stale_to_a_new_driver,
    a_late_build_does_not_bring_a_removed_guest_back,
    a_late_build_is_stale_to_a_new_driver,
    an_order_past_its_deadline_is_refused,
)
