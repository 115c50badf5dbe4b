from __future__ import annotations

import uuid

import pytest
from kilonova_driver.driver import PowerTarget
from kilonova_driver.errors import Conflict
from kilonova_driver.loading import load_driver
from kilonova_driver.types.guests import GuestSpec
from kilonova_driver.types.orders import Order
from kilonova_driver.types.settings import DriverSettings

SPEC = GuestSpec(guest_id="g", name="web", vcpus=1, memory_mib=64)


def order(generation=1):
    return Order(operation_id=uuid.uuid4().hex, generation=generation)


@pytest.fixture
async def make(tmp_path):
    """Makes started drivers of the named hosts, which share a witness."""
    drivers = []

    async def make(host):
        options = {"witness_dir": str(tmp_path / "witness")}
        settings = DriverSettings(state_dir=str(tmp_path / host), host_name=host, options=options)
        drivers.append(load_driver("fake", settings))
        await drivers[-1].start()
        return drivers[-1]

    yield make
    for driver in drivers:
        await driver.close()


async def test_a_guest_on_two_hosts_is_refused_and_told(make, tmp_path):
    here, there = await make("here"), await make("there")
    await here.ensure_guest(order(), SPEC, PowerTarget.ON)
    with pytest.raises(Conflict, match="exists on host here already"):
        await there.ensure_guest(order(), SPEC, PowerTarget.ON)
    assert await there.list_guests() == ()
    assert (tmp_path / "witness" / "doubles.txt").read_text() == "g here there\n"


async def test_a_guest_that_was_removed_may_be_built_elsewhere(make, tmp_path):
    here, there = await make("here"), await make("there")
    await here.ensure_guest(order(), SPEC, PowerTarget.ON)
    await there.remove_guest(order(2), "g")
    with pytest.raises(Conflict):
        await there.ensure_guest(order(3), SPEC, PowerTarget.ON)
    await here.remove_guest(order(2), "g")
    assert len([await there.ensure_guest(order(4), SPEC, PowerTarget.ON)]) == 1


async def test_the_same_host_may_build_again(make, tmp_path):
    await (await make("here")).ensure_guest(order(), SPEC, PowerTarget.ON)
    await (await make("here")).ensure_guest(order(2), SPEC, PowerTarget.ON)
    assert not (tmp_path / "witness" / "doubles.txt").exists()
