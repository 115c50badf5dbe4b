"""Gone is gone: running, off, half-made, or never there."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from time import monotonic

from kilonova_driver.conformance.bench import Bench, Builds
from kilonova_driver.conformance.remote import RemoteDriver
from kilonova_driver.conformance.verdicts import CheckFailed, DriverDied, gone, require, require_power
from kilonova_driver.driver import Driver, Mode, PowerTarget
from kilonova_driver.errors import DriverError
from kilonova_driver.types.guests import Disk, GuestSpec, Power
from kilonova_driver.types.orders import Order

#: A stop that waits long for the guest, and what a removal that overtakes it may take.
LONG_GRACE_SECONDS = 90.0
REMOVAL_SECONDS = 30.0
#: How long such a stop is left waiting before it is given up.
WAITING_SECONDS = 0.5
#: Parts of a build's time after which it is broken off: a rule that holds at any moment is tried at some of them.
MOMENTS = (0.0, 0.1, 0.3, 0.5, 0.8)


async def a_guest_is_removed(bench: Bench) -> None:
    """A removed guest, running or off, is gone from the host, and its disks with it."""
    driver = await bench.driver()
    before = bench.files()
    for power in PowerTarget:
        guest = await bench.built(driver, power)
        await driver.remove_guest(bench.order(2), guest.guest_id)
        await _nothing_left(bench, driver, guest.guest_id, before)


async def a_paused_guest_is_removed(bench: Bench) -> None:
    """A paused guest can be removed like a running one."""
    driver = await bench.driver()
    pauses = bench.pauses(driver)
    before = bench.files()
    guest = await bench.built(driver)
    await pauses.pause(bench.order(2), guest.guest_id)
    await driver.remove_guest(bench.order(3), guest.guest_id)
    await _nothing_left(bench, driver, guest.guest_id, before)


async def removing_what_is_gone_is_success(bench: Bench) -> None:
    """Removing again, and removing what never was, succeed."""
    driver = await bench.driver()
    guest = await bench.built(driver)
    for name in (guest.guest_id, guest.guest_id, bench.spec().guest_id):
        await driver.remove_guest(bench.order(2), name)
    require(not await driver.list_guests(), "a guest is left")


async def a_removed_guest_can_be_built_again(bench: Bench) -> None:
    """After its removal a newer order builds the guest of the same id, and it runs."""
    driver, spec = await bench.driver(), bench.spec()
    for generation in (1, 3):
        made = await driver.ensure_guest(bench.order(generation), spec, PowerTarget.ON)
        require_power(made, Power.ON, "once built")
        await driver.remove_guest(bench.order(generation + 1), spec.guest_id)
    await gone("looking at it", driver.get_guest(spec.guest_id))


async def a_half_made_guest_can_be_removed(bench: Bench) -> None:
    """After the driver was killed in the middle of a build, what it left can be removed without a trace."""
    seconds = await _seconds_of_a_build(bench, await bench.remote())
    before = bench.files()
    for moment in MOMENTS:
        remote = await bench.remote()
        spec = await _killed_while_building(bench, remote, moment * seconds)
        fresh = await bench.remote()
        await fresh.list_guests()
        await fresh.remove_guest(bench.order(2), spec.guest_id)
        await _nothing_left(bench, fresh, spec.guest_id, before)
        await fresh.kill()


async def a_half_made_guest_can_be_finished(bench: Bench) -> None:
    """After the driver was killed in the middle of a build, the same order to a new one finishes it."""
    seconds = await _seconds_of_a_build(bench, await bench.remote())
    for moment in MOMENTS:
        remote = await bench.remote()
        spec = await _killed_while_building(bench, remote, moment * seconds)
        fresh = await bench.remote()
        made = await fresh.ensure_guest(bench.order(1), spec, PowerTarget.ON)
        require_power(made, Power.ON, f"killed after {moment} of the build and built again")
        require_power(
            await fresh.get_guest(spec.guest_id), Power.ON, f"killed after {moment} of the build and built again"
        )
        count = sum(guest.guest_id == spec.guest_id for guest in await fresh.list_guests())
        require(count == 1, f"there are {count} guests of that id")
        await fresh.remove_guest(bench.order(2), spec.guest_id)
        await fresh.kill()


async def a_cancelled_build_can_be_removed(bench: Bench) -> None:
    """After a build was cancelled, at any moment, what it left can be removed without a trace."""
    driver = await bench.driver()
    seconds = await _seconds_of_a_build(bench, driver)
    before = bench.files()
    for moment in MOMENTS:
        spec = bench.spec()
        task = asyncio.create_task(_build(driver, bench, spec))
        await asyncio.sleep(moment * seconds)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, DriverError):
            await task
        await driver.remove_guest(bench.order(2), spec.guest_id)
        await _nothing_left(bench, driver, spec.guest_id, before)


async def a_removal_does_not_wait_for_a_graceful_stop(bench: Bench) -> None:
    """After the wait for a guest that ignores its power button was cancelled, the guest is removed at once."""
    driver = await bench.driver()
    before = bench.files()
    for generation, calls in ((2, _stop), (4, _reboot)):
        # Nothing listens in a guest with nothing to boot.
        spec = bench.spec(disks=(Disk(name="root", size_gib=1, boot_index=0),))
        await driver.ensure_guest(bench.order(1), spec, PowerTarget.ON)
        task = asyncio.create_task(calls(driver, bench.order(generation), spec.guest_id))
        await asyncio.wait([task], timeout=WAITING_SECONDS)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, DriverError):
            await task
        try:
            async with asyncio.timeout(REMOVAL_SECONDS):
                await driver.remove_guest(bench.order(generation + 1), spec.guest_id)
        except TimeoutError:
            raise CheckFailed(f"the removal took more than {REMOVAL_SECONDS} s: it waits for the guest") from None
        await _nothing_left(bench, driver, spec.guest_id, before)


async def _stop(driver: Driver, order: Order, guest_id: str) -> None:
    await driver.set_power(order, guest_id, PowerTarget.OFF, Mode.GRACEFUL, LONG_GRACE_SECONDS)


async def _reboot(driver: Driver, order: Order, guest_id: str) -> None:
    await driver.reboot(order, guest_id, Mode.GRACEFUL, LONG_GRACE_SECONDS)


async def _seconds_of_a_build(bench: Bench, driver: Driver | RemoteDriver) -> float:
    """How long a build takes when what is done once for a host has been done. A remote driver is killed then."""
    seconds = 0.0
    for _ in range(2):
        begun, spec = monotonic(), bench.spec()
        await _build(driver, bench, spec)
        seconds = monotonic() - begun
        await driver.remove_guest(bench.order(2), spec.guest_id)
    if isinstance(driver, RemoteDriver):
        await driver.kill()
    return seconds


async def _killed_while_building(bench: Bench, remote: RemoteDriver, seconds: float) -> GuestSpec:
    spec = bench.spec()
    task = asyncio.create_task(_build(remote, bench, spec))
    await asyncio.sleep(seconds)
    await remote.kill()
    with contextlib.suppress(DriverDied):
        await task
    return spec


async def _build(driver: Builds, bench: Bench, spec: GuestSpec) -> None:
    await driver.ensure_guest(bench.order(1), spec, PowerTarget.ON)


async def _nothing_left(bench: Bench, driver: Driver | RemoteDriver, guest_id: str, before: set[Path]) -> None:
    """The guest is not found, not listed, and has left no file larger than a mark."""
    await gone("looking at a removed guest", driver.get_guest(guest_id))
    listed = [guest.guest_id for guest in await driver.list_guests()]
    require(guest_id not in listed, "the removed guest is still in the list")
    left = bench.left_over(before)
    require(not left, f"the removed guest left {', '.join(left)}")


CHECKS = (
    a_guest_is_removed,
    a_paused_guest_is_removed,
    removing_what_is_gone_is_success,
    a_removed_guest_can_be_built_again,
    a_half_made_guest_can_be_removed,
    a_half_made_guest_can_be_finished,
    a_cancelled_build_can_be_removed,
    a_removal_does_not_wait_for_a_graceful_stop,
)
