from __future__ import annotations

import asyncio
import json
import uuid

import pytest
from kilonova_driver.conformance.verdicts import eventually
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.errors import Conflict, Internal, InvalidSpec, NoResources, Stale, Transient
from kilonova_driver.loading import load_driver
from kilonova_driver.types.guests import CpuLayout, CpuPin, Disk, GuestSpec, Power
from kilonova_driver.types.orders import Order
from kilonova_driver.types.settings import DriverSettings
from kilonova_driver_fake import inventory_files
from kilonova_driver_fake.control import FakeControl


def order(generation=1):
    return Order(operation_id=uuid.uuid4().hex, generation=generation)


def spec(guest_id="g", name="web", **properties):
    orders = {f"fake:{key}": value for key, value in properties.items()}
    return GuestSpec(guest_id=guest_id, name=name, vcpus=1, memory_mib=64, properties=orders)


def settings(place, **options):
    return DriverSettings(state_dir=str(place), host_name="host", options=options)


@pytest.fixture
async def make(tmp_path):
    """Makes started drivers on one state directory; the next one takes over from the one before."""
    drivers = []

    async def make(**options):
        driver = load_driver("fake", settings(tmp_path, control_poll_seconds="0.01", **options))
        drivers.append(driver)
        await driver.start()
        return driver

    yield make
    for driver in drivers:
        await driver.close()


def built(driver, guest=None, power=PowerTarget.ON):
    return driver.ensure_guest(order(), guest or spec(), power)


async def test_thousands_of_guests_are_found_again(make):
    driver = await make()
    for number in range(3000):
        await built(driver, spec(f"g{number}"), PowerTarget.ON if number % 2 else PowerTarget.OFF)
    again = await make()
    found = {guest.guest_id: guest.power for guest in await again.list_guests()}
    assert found == {f"g{n}": Power.ON if n % 2 else Power.OFF for n in range(3000)}


async def test_a_driver_that_was_superseded_can_change_nothing(make):
    old = await make()
    new = await make()
    with pytest.raises(Internal, match="taken over"):
        await built(old)
    assert await new.list_guests() == ()


@pytest.mark.parametrize("guest", [spec(fail="ensure_guest:no_resources"), spec(name="a fake:fail=*:no_resources b")])
async def test_a_guest_may_order_its_own_failure(make, guest):
    driver = await make()
    for _ in range(3):
        with pytest.raises(NoResources, match="ordered to fail"):
            await built(driver, guest)
    assert await driver.list_guests() == ()


async def test_a_guest_may_order_to_fail_the_first_times_only(make):
    guest = spec(fail="ensure_guest:transient:2")
    with pytest.raises(Transient):
        await built(await make(), guest)
    driver = await make()
    with pytest.raises(Transient):
        await built(driver, guest)
    assert (await built(driver, guest)).power is Power.ON


async def test_an_order_that_is_not_understood_builds_nothing(make):
    driver = await make()
    with pytest.raises(InvalidSpec, match="fake:fail"):
        await built(driver, spec(fail="ensure_guest"))
    assert await driver.list_guests() == ()


async def test_the_next_calls_of_a_method_fail_on_order(make, tmp_path):
    driver = await make()
    FakeControl(tmp_path).fail_next("ensure_guest", "stale", times=2, message="as you like")
    for name in ("a", "b"):
        with pytest.raises(Stale, match="as you like"):
            await built(driver, spec(name))
    assert (await built(driver, spec("c"))).power is Power.ON


async def test_a_failure_is_ordered_for_one_guest_and_released(make, tmp_path):
    driver, control = await make(), FakeControl(tmp_path)
    fault = control.fail_next("*", "conflict", times=0, guest_id="a")
    assert (await built(driver, spec("b"))).power is Power.ON
    for _ in range(2):
        with pytest.raises(Conflict):
            await built(driver, spec("a"))
    assert control.uses(fault) == 2
    control.release(fault)
    assert (await built(driver, spec("a"))).power is Power.ON


async def test_reading_calls_fail_on_order_too(make, tmp_path):
    driver, control = await make(), FakeControl(tmp_path)
    await built(driver)
    control.fail_next("*", "internal", times=4)
    calls = (driver.list_guests, driver.inventory, lambda: driver.get_guest("g"), lambda: driver.console_log("g", 9))
    for call in calls:
        with pytest.raises(Internal):
            await call()
    assert len(await driver.list_guests()) == 1


async def test_a_call_is_blocked_until_it_is_released(make, tmp_path):
    driver, control = await make(), FakeControl(tmp_path)
    fault = control.block("ensure_guest")
    task = asyncio.create_task(built(driver))
    await eventually("the block", lambda: is_used(control, fault))
    assert not task.done()
    assert await driver.list_guests() == ()
    control.release(fault)
    assert (await task).power is Power.ON


async def test_a_guest_may_order_to_be_blocked(make, tmp_path):
    driver, control = await make(), FakeControl(tmp_path)
    task = asyncio.create_task(built(driver, spec(block="ensure_guest")))
    await eventually("the block", lambda: is_used(control, "g/block"))
    assert not task.done()
    control.release("g/block")
    assert (await task).power is Power.ON


async def test_a_delayed_call_succeeds_in_the_end(make, tmp_path):
    driver, control = await make(), FakeControl(tmp_path)
    fault = control.delay("ensure_guest", 0.01)
    assert (await built(driver)).power is Power.ON
    assert control.uses(fault) == 1


async def test_a_guest_crashes_on_order_and_an_event_tells(make, tmp_path):
    driver = await make()
    await built(driver)
    FakeControl(tmp_path).crash_guest("g", "kernel panic")
    event = await anext(driver.events())
    assert (event.guest_id, event.power, event.reason) == ("g", Power.CRASHED, "kernel panic")
    guest = await (await make()).get_guest("g")
    assert (guest.power, guest.reason) == (Power.CRASHED, "kernel panic")


async def test_a_superseded_driver_does_not_take_orders_meant_for_the_next(make, tmp_path):
    await built(await make())
    driver = await make()
    FakeControl(tmp_path).crash_guest("g")
    assert (await anext(driver.events())).guest_id == "g"


async def test_a_guest_switches_itself_off_on_order(make, tmp_path):
    driver = await make()
    await built(driver)
    FakeControl(tmp_path).power_off_guest("g")
    assert (await anext(driver.events())).power is Power.OFF
    assert (await driver.get_guest("g")).power is Power.OFF


async def test_a_guest_may_order_to_crash_later_and_does_so_after_each_start(make):
    driver = await make()
    await built(driver, spec(crash_after="0.01"))
    events = driver.events()
    assert (await anext(events)).power is Power.CRASHED
    await driver.set_power(order(2), "g", PowerTarget.ON, Mode.FORCE, 0)
    assert (await anext(events)).power is Power.CRASHED


async def test_a_crash_ordered_for_later_comes_after_a_restart_too(make):
    await built(await make(), spec(crash_after="0.05"))
    driver = await make()
    assert (await anext(driver.events())).guest_id == "g"


async def test_a_guest_that_was_removed_does_not_crash(make):
    driver = await make()
    await built(driver, spec(crash_after="1000"))
    await driver.remove_guest(order(2), "g")
    assert "g" not in driver._timers


async def test_two_operations_on_one_guest_at_once_are_caught(make, tmp_path):
    driver, control = await make(), FakeControl(tmp_path)
    fault = control.block("ensure_guest")
    task = asyncio.create_task(built(driver))
    await eventually("the block", lambda: is_used(control, fault))
    for call in (built(driver), driver.remove_guest(order(2), "g")):
        with pytest.raises(Internal, match="two operations on guest g"):
            await call
    assert driver.breaches == 2
    control.release(fault)
    await task
    assert len(await driver.list_guests()) == 1


async def test_a_start_takes_its_time_and_shows_the_guest_half_made(make):
    driver = await make(boot_seconds="1000")
    task = asyncio.create_task(built(driver))
    await eventually("the half-made guest", lambda: has_guests(driver))
    guest = await driver.get_guest("g")
    assert guest.power is Power.OFF
    assert "half-made" in guest.reason
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    again = await make()
    assert (await built(again)).power is Power.ON
    await again.remove_guest(order(2), "g")
    assert await again.list_guests() == ()


async def test_the_console_log_is_the_same_each_time_and_grows_with_each_boot(make):
    driver = await make()
    await built(driver)
    first = await driver.console_log("g", 100_000)
    assert first == await driver.console_log("g", 100_000)
    assert first.endswith(b"fake guest web booted, boot 1\nfake: ready\n")
    assert len(first.splitlines()) > 10
    await driver.reboot(order(2), "g", Mode.GRACEFUL, 1)
    second = await driver.console_log("g", 100_000)
    assert second.startswith(first)
    assert second.endswith(b"fake guest web booted, boot 2\nfake: ready\n")
    assert await driver.console_log("g", 13) == b"\nfake: ready\n"


async def test_the_options_say_how_large_the_host_is(make):
    driver = await make(vcpus="8", memory_mib="1024", disk_gib="10")
    pools = {pool.resource_class: pool.total for pool in (await driver.inventory()).pools}
    assert pools == {"VCPU": 8, "MEMORY_MB": 1024, "DISK_GB": 10}
    too_large = GuestSpec(guest_id="g", name="g", vcpus=1, memory_mib=64, disks=(Disk(name="root", size_gib=11),))
    with pytest.raises(NoResources, match="11 DISK_GB wished, the host has 10"):
        await built(driver, too_large)


async def test_an_inventory_file_says_what_the_host_has(make, tmp_path):
    path = tmp_path / "inventory.json"
    pools = [{"resource_class": name, "total": 3} for name in ("VCPU", "MEMORY_MB", "DISK_GB")]
    devices = [{"resource_class": "PGPU", "count": 8, "attributes": {"model": "paper"}}]
    path.write_text(json.dumps({"pools": pools, "devices": devices, "traits": ["HW_CPU_X86_AVX"]}))
    inventory = await (await make(inventory_file=str(path))).inventory()
    assert [pool.total for pool in inventory.pools] == [3, 3, 3]
    assert inventory.devices[0].count == 8
    assert inventory.traits == ("HW_CPU_X86_AVX",)


async def test_a_file_may_tell_any_tree(make, tmp_path):
    path = tmp_path / "host.toml"
    path.write_text(inventory_files.__doc__.split("\n\n")[1])
    inventory = await (await make(inventory_file=str(path))).inventory()
    assert inventory.nodes[0].cpus == (0, 1, 2, 3, 8, 9, 10, 11)
    assert inventory.nodes[0].huge_pages_mib == 2048
    assert inventory.pci_devices[0].numa_node == 0
    assert inventory.parts[0].devices[0].resource_class == "CUSTOM_BAREMETAL_LARGE"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pools = [{resource_class = 'VCPU', totl = 1}]", "missing required field `total`"),
        ("pools = [{resource_class = 'VCPU', total = 1, ratio = 2.0}]", "unknown key ratio in pools"),
        ("pools = []\nmoons = 1", "unknown key moons"),
        ("pools = []\n[[parts]]\nname = 'a'\nparent = 'b'", "there is no part b"),
        ("pools = ", "Invalid value"),
    ],
)
def test_a_file_that_tells_no_host_is_refused_with_the_place(tmp_path, text, words):
    path = tmp_path / "host.toml"
    path.write_text(text)
    with pytest.raises(InvalidSpec, match=words):
        load_driver("fake", settings(tmp_path, inventory_file=str(path)))


async def test_a_guest_of_paper_has_the_layout_it_is_given(make):
    driver = await make()
    layout = CpuLayout(pins=(CpuPin(cpu=0, host_cpus=(3,)),))
    spec = GuestSpec(guest_id="g", name="g", vcpus=1, memory_mib=64, layout=layout, required_features=("pinning",))
    await built(driver, spec)


@pytest.mark.parametrize(
    "options", [{"vcpus": "many"}, {"vcpu": "1"}, {"inventory_file": "/nowhere"}], ids=["number", "name", "file"]
)
def test_options_that_are_not_understood_are_refused(tmp_path, options):
    with pytest.raises(InvalidSpec):
        load_driver("fake", settings(tmp_path, **options))


async def is_used(control, fault):
    return control.uses(fault) > 0


async def has_guests(driver):
    return bool(await driver.list_guests())
