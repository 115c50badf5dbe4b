from __future__ import annotations

import asyncio
import uuid

import pytest
from kilonova_driver.conformance.remote import start_remote
from kilonova_driver.conformance.verdicts import DriverDied
from kilonova_driver.driver import PowerTarget
from kilonova_driver.types.guests import GuestSpec
from kilonova_driver.types.orders import Order
from kilonova_driver.types.settings import DriverSettings
from kilonova_driver_fake.control import FakeControl


def order(generation=1):
    return Order(operation_id=uuid.uuid4().hex, generation=generation)


def spec(guest_id, **properties):
    orders = {f"fake:{key}": value for key, value in properties.items()}
    return GuestSpec(guest_id=guest_id, name="web", vcpus=1, memory_mib=64, properties=orders)


@pytest.fixture
async def start(tmp_path):
    """Starts drivers in processes of their own, on one state directory."""
    remotes = []

    async def start():
        settings = DriverSettings(state_dir=str(tmp_path / "state"), host_name="host")
        remotes.append(await start_remote("fake", settings, tmp_path / "log"))
        return remotes[-1]

    yield start
    for remote in remotes:
        await remote.kill()


async def test_what_was_answered_before_signal_9_is_found_again(start):
    remote = await start()
    answered = set()

    async def build(number):
        guest = await remote.ensure_guest(order(), spec(f"g{number}"), PowerTarget.ON)
        answered.add(guest.guest_id)
        if len(answered) == 300:
            await remote.kill()

    results = await asyncio.gather(*(build(n) for n in range(3000)), return_exceptions=True)
    assert any(isinstance(result, DriverDied) for result in results)
    found = {guest.guest_id for guest in await (await start()).list_guests()}
    assert len(answered) >= 300
    assert answered <= found


async def test_a_driver_that_dies_before_a_build_has_built_nothing(start, tmp_path):
    FakeControl(tmp_path / "state").die("ensure_guest", "before")
    remote = await start()
    with pytest.raises(DriverDied):
        await remote.ensure_guest(order(), spec("g"), PowerTarget.ON)
    again = await start()
    assert await again.list_guests() == ()
    assert (await again.ensure_guest(order(), spec("g"), PowerTarget.ON)).guest_id == "g"


async def test_a_driver_that_dies_after_a_build_has_built_it(start):
    guest = spec("g", die="after:ensure_guest")
    wish = order()
    remote = await start()
    with pytest.raises(DriverDied):
        await remote.ensure_guest(wish, guest, PowerTarget.ON)
    again = await start()
    (found,) = await again.list_guests()
    assert await again.ensure_guest(wish, guest, PowerTarget.ON) == found


async def test_a_driver_that_dies_after_a_removal_has_removed(start, tmp_path):
    remote = await start()
    await remote.ensure_guest(order(), spec("g"), PowerTarget.ON)
    FakeControl(tmp_path / "state").die("remove_guest", "after", guest_id="g")
    with pytest.raises(DriverDied):
        await remote.remove_guest(order(2), "g")
    again = await start()
    assert await again.list_guests() == ()
    await again.remove_guest(order(2), "g")
