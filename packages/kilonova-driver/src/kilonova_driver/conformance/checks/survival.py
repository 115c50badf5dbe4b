"""Guests outlive their driver: it is killed or closed, and a new one finds them as they were."""

from __future__ import annotations

from kilonova_driver.conformance.bench import GRACE_SECONDS, Bench
from kilonova_driver.conformance.checks.watching import kills_guests
from kilonova_driver.conformance.verdicts import NotApplicable, require, require_power, require_untouched
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.types.guests import Power


async def a_running_guest_survives_its_driver(bench: Bench) -> None:
    """After the driver was killed, a running guest still runs, was not started anew, and can be switched off."""
    remote = await bench.remote()
    before = await bench.built(remote)
    await remote.kill()
    fresh = await bench.remote()
    require_untouched(before, await fresh.get_guest(before.guest_id), "found again")
    off = await fresh.set_power(bench.order(2), before.guest_id, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS)
    require_power(off, Power.OFF, "found again and switched off")


async def a_guest_that_is_off_stays_off(bench: Bench) -> None:
    """After the driver was killed, a guest that was off is still off, and can be switched on."""
    remote = await bench.remote()
    guest = await bench.built(remote)
    await remote.set_power(bench.order(2), guest.guest_id, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS)
    await remote.kill()
    fresh = await bench.remote()
    require_power(await fresh.get_guest(guest.guest_id), Power.OFF, "found again")
    on = await fresh.set_power(bench.order(3), guest.guest_id, PowerTarget.ON, Mode.FORCE, GRACE_SECONDS)
    require_power(on, Power.ON, "found again and switched on")


async def a_paused_guest_stays_paused(bench: Bench) -> None:
    """After the driver was killed, a paused guest is still paused."""
    if "pause" not in bench.capabilities.talents:
        raise NotApplicable("the driver does not advertise the talent pause")
    remote = await bench.remote()
    guest = await bench.built(remote)
    frozen = await remote.pause(bench.order(2), guest.guest_id)
    await remote.kill()
    fresh = await bench.remote()
    require_untouched(frozen, await fresh.get_guest(guest.guest_id), "found again")


async def every_guest_is_found_again(bench: Bench) -> None:
    """After the driver was killed twice, the list holds every guest that was not removed, and no other."""
    remote = await bench.remote()
    guests = [await bench.built(remote, PowerTarget.OFF) for _ in range(5)]
    await remote.remove_guest(bench.order(2), guests[0].guest_id)
    for _ in range(2):
        await remote.kill()
        remote = await bench.remote()
        found = {guest.guest_id for guest in await remote.list_guests()}
        wanted = {guest.guest_id for guest in guests[1:]}
        require(found == wanted, f"found {len(found)} guests, {len(found & wanted)} of {len(wanted)}")


async def closing_touches_no_guest(bench: Bench) -> None:
    """After the driver was closed in peace, a running guest still runs and was not started anew."""
    remote = await bench.remote()
    before = await bench.built(remote)
    await remote.close()
    fresh = await bench.remote()
    require_untouched(before, await fresh.get_guest(before.guest_id), "found again")


async def a_guest_that_died_meanwhile_is_found_dead(bench: Bench) -> None:
    """A guest that died when its driver did is not found running, and can be started again."""
    kills_guests(bench.make_driver())
    remote = await bench.remote()
    guest = await bench.built(remote)
    await remote.kill_guest_for_check(guest.guest_id)
    await remote.kill()
    fresh = await bench.remote()
    found = await fresh.get_guest(guest.guest_id)
    require(found.power in (Power.CRASHED, Power.OFF), f"it died, but is found {found.power}")
    on = await fresh.set_power(bench.order(2), guest.guest_id, PowerTarget.ON, Mode.FORCE, GRACE_SECONDS)
    require_power(on, Power.ON, "started again")


CHECKS = (
    a_running_guest_survives_its_driver,
    a_guest_that_is_off_stays_off,
    a_paused_guest_stays_paused,
    every_guest_is_found_again,
    closing_touches_no_guest,
    a_guest_that_died_meanwhile_is_found_dead,
)
