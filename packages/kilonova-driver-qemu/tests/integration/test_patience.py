"""A wait for a guest that ignores its power button ends for what need not wait: blank guests sit in their firmware."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.errors import GuestNotFound, Stale
from kilonova_driver.types.guests import Guest, GuestSpec, Power
from kilonova_driver.types.orders import Order
from kilonova_driver_qemu.driver import QemuDriver
from kilonova_driver_qemu.running import Running

pytestmark = pytest.mark.guest

#: Longer than any test may take: one that waits it out is ended by the limit below.
FOR_EVER = 3600.0
SOON = 30.0


@pytest.fixture
async def pressed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Released at each press of a power button."""
    presses = asyncio.Semaphore(0)
    ask = Running.ask

    async def watched(running: Running, command: str, arguments: dict[str, object] | None = None) -> Any:
        answer = await ask(running, command, arguments)
        if command == "system_powerdown":
            presses.release()
        return answer

    monkeypatch.setattr(Running, "ask", watched)
    return presses


def stop(driver: QemuDriver, order: Order, guest_id: str) -> Coroutine[Any, Any, Guest]:
    return driver.set_power(order, guest_id, PowerTarget.OFF, Mode.GRACEFUL, FOR_EVER)


def reboot(driver: QemuDriver, order: Order, guest_id: str) -> Coroutine[Any, Any, Guest]:
    return driver.reboot(order, guest_id, Mode.GRACEFUL, FOR_EVER)


def force_off(driver: QemuDriver, order: Order, guest_id: str) -> Coroutine[Any, Any, Guest]:
    return driver.set_power(order, guest_id, PowerTarget.OFF, Mode.FORCE, 0)


@pytest.mark.parametrize("ask", [stop, reboot])
async def test_a_removal_overtakes_a_patient_order(
    ask: Any, bench: Any, blank_spec: GuestSpec, pressed: asyncio.Semaphore
) -> None:
    driver: QemuDriver = await bench.driver()
    await bench.built(driver, blank_spec)
    asked = asyncio.create_task(ask(driver, bench.order(), blank_spec.guest_id))
    await pressed.acquire()
    async with asyncio.timeout(SOON):
        await driver.remove_guest(bench.order(), blank_spec.guest_id)
        with pytest.raises(Stale, match="overtaken"):
            await asked
    with pytest.raises(GuestNotFound):
        await driver.get_guest(blank_spec.guest_id)


@pytest.mark.parametrize("ask", [stop, reboot])
async def test_a_forced_stop_overtakes_a_patient_order(
    ask: Any, bench: Any, blank_spec: GuestSpec, pressed: asyncio.Semaphore
) -> None:
    driver: QemuDriver = await bench.driver()
    await bench.built(driver, blank_spec)
    asked = asyncio.create_task(ask(driver, bench.order(), blank_spec.guest_id))
    await pressed.acquire()
    async with asyncio.timeout(SOON):
        off = await force_off(driver, bench.order(), blank_spec.guest_id)
        with pytest.raises(Stale, match="overtaken"):
            await asked
    assert off.power is Power.OFF


async def test_a_removal_overtakes_patient_orders_that_wait_before_it(
    bench: Any, blank_spec: GuestSpec, pressed: asyncio.Semaphore
) -> None:
    driver: QemuDriver = await bench.driver()
    await bench.built(driver, blank_spec)
    calls = [ask(driver, bench.order(), blank_spec.guest_id) for ask in (stop, reboot, stop)]
    asked = [asyncio.create_task(call) for call in calls]
    await pressed.acquire()
    async with asyncio.timeout(SOON):
        await driver.remove_guest(bench.order(), blank_spec.guest_id)
        results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [Stale] * 3


async def test_an_outdated_removal_overtakes_nothing(
    bench: Any, blank_spec: GuestSpec, pressed: asyncio.Semaphore
) -> None:
    driver: QemuDriver = await bench.driver()
    old = bench.order()
    await bench.built(driver, blank_spec)
    asked = asyncio.create_task(stop(driver, bench.order(), blank_spec.guest_id))
    await pressed.acquire()
    removal = asyncio.create_task(driver.remove_guest(old, blank_spec.guest_id))
    done, _ = await asyncio.wait([asked, removal], timeout=0.2)
    assert not done
    async with asyncio.timeout(SOON):
        await force_off(driver, bench.order(), blank_spec.guest_id)
        with pytest.raises(Stale, match="generation"):
            await removal
    await asyncio.wait([asked])


async def test_a_wait_whose_asker_went_away_leaves_the_guest_running_and_free(
    bench: Any, blank_spec: GuestSpec, pressed: asyncio.Semaphore
) -> None:
    driver: QemuDriver = await bench.driver()
    built = await bench.built(driver, blank_spec)
    asked = asyncio.create_task(stop(driver, bench.order(), blank_spec.guest_id))
    await pressed.acquire()
    asked.cancel()
    await asyncio.wait([asked])
    async with asyncio.timeout(SOON):
        paused = await driver.pause(bench.order(), blank_spec.guest_id)
        going = await driver.unpause(bench.order(), blank_spec.guest_id)
    assert (paused.power, going.power) == (Power.PAUSED, Power.ON)
    assert going.started_at == built.started_at


async def test_a_guest_that_dies_after_such_a_wait_has_crashed(
    bench: Any, blank_spec: GuestSpec, pressed: asyncio.Semaphore, wait_until: Any
) -> None:
    driver: QemuDriver = await bench.driver()
    await bench.built(driver, blank_spec)
    asked = asyncio.create_task(stop(driver, bench.order(), blank_spec.guest_id))
    await pressed.acquire()
    asked.cancel()
    await asyncio.wait([asked])
    await driver.pause(bench.order(), blank_spec.guest_id)
    await driver.kill_guest_for_check(blank_spec.guest_id)

    async def crashed() -> bool:
        return (await driver.get_guest(blank_spec.guest_id)).power is Power.CRASHED

    await wait_until(crashed)
