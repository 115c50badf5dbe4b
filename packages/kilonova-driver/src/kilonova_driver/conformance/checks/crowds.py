"""Many guests at once."""

from __future__ import annotations

import asyncio

from kilonova_driver.conformance.bench import GRACE_SECONDS, Bench
from kilonova_driver.conformance.verdicts import require, require_power
from kilonova_driver.driver import Driver, Mode, PowerTarget
from kilonova_driver.types.guests import Guest, Power

CROWD = 8


async def eight_guests_at_once(bench: Bench) -> None:
    """Eight guests are built, rebooted, switched off and removed at the same time, each as if it were alone."""
    driver = await bench.driver()
    specs = [bench.spec(memory_mib=64) for _ in range(CROWD)]
    names = [spec.guest_id for spec in specs]
    built = await asyncio.gather(
        *(driver.ensure_guest(bench.order(1), spec, PowerTarget.ON) for spec in specs), _looking(driver)
    )
    _require_all(built, names, Power.ON, "built")
    rebooted = await asyncio.gather(
        *(driver.reboot(bench.order(2), name, Mode.FORCE, GRACE_SECONDS) for name in names), _looking(driver)
    )
    _require_all(rebooted, names, Power.ON, "rebooted")
    off = await asyncio.gather(
        *(driver.set_power(bench.order(3), name, PowerTarget.OFF, Mode.FORCE, GRACE_SECONDS) for name in names),
        _looking(driver),
    )
    _require_all(off, names, Power.OFF, "switched off")
    listed = {guest.guest_id for guest in await driver.list_guests()}
    require(listed == set(names), f"the list has {len(listed & set(names))} of {CROWD} guests")
    await asyncio.gather(*(driver.remove_guest(bench.order(4), name) for name in names))
    require(not await driver.list_guests(), "some are left")


async def _looking(driver: Driver) -> None:
    """Look at everything while others work."""
    for _ in range(5):
        for guest in await driver.list_guests():
            require(len(guest.guest_id) > 0, "a guest without an id is in the list")
        await driver.inventory()
        await asyncio.sleep(0.005)


def _require_all(guests: list[Guest | None], names: list[str], power: Power, when: str) -> None:
    for guest, name in zip(guests, names, strict=False):
        require(guest is not None and guest.guest_id == name, f"{when}: {name} was answered with {guest!r}")
        if guest is not None:
            require_power(guest, power, when)


CHECKS = (eight_guests_at_once,)
