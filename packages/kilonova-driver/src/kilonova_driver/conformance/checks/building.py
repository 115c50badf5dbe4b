"""Ensure: a guest becomes what its spec says, once, or the spec is refused."""

from __future__ import annotations

import uuid

import msgspec

from kilonova_driver.conformance.bench import Bench
from kilonova_driver.conformance.verdicts import (
    NotApplicable,
    gone,
    refused,
    require,
    require_power,
    require_untouched,
)
from kilonova_driver.driver import PowerTarget
from kilonova_driver.errors import Conflict, DriverError, InvalidSpec, NoResources, Unsupported
from kilonova_driver.types.guests import BaseImage, Feature, Power

HANDLE_BYTES = 64 * 1024


async def a_guest_is_built_running(bench: Bench) -> None:
    """A guest that is wished on is built, runs, and is found by its id and in the list."""
    driver, spec, order = await bench.driver(), bench.spec(), bench.order(7)
    made = await driver.ensure_guest(order, spec, PowerTarget.ON)
    listed = [guest for guest in await driver.list_guests() if guest.guest_id == spec.guest_id]
    require(len(listed) == 1, f"it is {len(listed)} times in the list")
    for guest in (made, await driver.get_guest(spec.guest_id), *listed):
        require_power(guest, Power.ON, "once built")
        require(guest.guest_id == spec.guest_id, f"it is called {guest.guest_id}, not {spec.guest_id}")
        require(guest.generation == order.generation, f"it says generation {guest.generation}, not {order.generation}")
        require(guest.started_at is not None, "it runs, but since when is not told")
        require(not guest.reason, f"all is well, but it says: {guest.reason}")


async def a_guest_is_built_switched_off(bench: Bench) -> None:
    """A guest that is wished off is built, and does not run."""
    driver = await bench.driver()
    guest = await bench.built(driver, PowerTarget.OFF)
    require_power(guest, Power.OFF, "once built")
    require_power(await driver.get_guest(guest.guest_id), Power.OFF, "once built")


async def building_what_is_built_is_success(bench: Bench) -> None:
    """The same wish again, as another operation, succeeds and touches nothing."""
    driver, spec = await bench.driver(), bench.spec()
    first = await driver.ensure_guest(bench.order(1), spec, PowerTarget.ON)
    for generation in (1, 2):
        again = await driver.ensure_guest(bench.order(generation), spec, PowerTarget.ON)
        require_untouched(first, again, "after the same wish")
    count = len(await driver.list_guests())
    require(count == 1, f"there are {count} guests now")


async def ensuring_brings_the_power_along(bench: Bench) -> None:
    """The same spec with another power switches the guest on or off."""
    driver, spec = await bench.driver(), bench.spec()
    wishes = (PowerTarget.OFF, PowerTarget.ON, PowerTarget.OFF)
    for generation, target in enumerate(wishes, start=1):
        guest = await driver.ensure_guest(bench.order(generation), spec, target)
        require_power(guest, Power(target.value), f"wished {target}")
        require_power(await driver.get_guest(spec.guest_id), Power(target.value), f"wished {target}")


async def a_running_guest_keeps_its_processors(bench: Bench) -> None:
    """Another number of processors for a running guest is a Conflict, and leaves it alone."""
    driver, spec = await bench.driver(), bench.spec()
    before = await driver.ensure_guest(bench.order(1), spec, PowerTarget.ON)
    larger = msgspec.structs.replace(spec, vcpus=spec.vcpus + 1)
    await refused("more processors", driver.ensure_guest(bench.order(2), larger, PowerTarget.ON), Conflict)
    require_untouched(before, await driver.get_guest(spec.guest_id), "after the refusal")


async def a_disk_keeps_its_base(bench: Bench) -> None:
    """Another base image below a disk that exists is a Conflict, whether the guest runs or not."""
    driver = await bench.driver()
    first, second = bench.blank_image("first"), bench.blank_image("second")
    for power in PowerTarget:
        spec = bench.spec(disks=(msgspec.structs.replace(bench.root_disk(), base=first, size_gib=1),))
        before = await driver.ensure_guest(bench.order(1), spec, power)
        other = msgspec.structs.replace(spec, disks=(msgspec.structs.replace(spec.disks[0], base=second),))
        await refused("another base", driver.ensure_guest(bench.order(2), other, power), Conflict)
        require_untouched(before, await driver.get_guest(spec.guest_id), "after the refusal")


async def an_impossible_spec_is_refused(bench: Bench) -> None:
    """No processor, no memory, an id that is a path: InvalidSpec; a guest larger than any host: also NoResources."""
    driver = await bench.driver()
    for changes in ({"vcpus": 0}, {"memory_mib": 0}, {"memory_mib": -1}, {"guest_id": "../away"}, {"guest_id": ""}):
        spec = bench.spec(**changes)
        await refused(str(changes), driver.ensure_guest(bench.order(), spec, PowerTarget.ON), InvalidSpec)
    giant = bench.spec(memory_mib=2**40)
    call = driver.ensure_guest(bench.order(), giant, PowerTarget.ON)
    await refused("memory of an exbibyte", call, InvalidSpec, NoResources)
    runs = [guest.guest_id for guest in await driver.list_guests() if guest.power is Power.ON]
    require(not runs, f"refused, but running: {runs}")


async def an_unknown_feature_is_refused(bench: Bench) -> None:
    """A spec that requires a feature which is not advertised is refused; nothing is built."""
    driver = await bench.driver()
    known = sorted({feature.value for feature in Feature} - bench.capabilities.features)
    for feature in ("a-feature-that-nobody-has", *known):
        spec = bench.spec(required_features=(feature,))
        call = driver.ensure_guest(bench.order(), spec, PowerTarget.ON)
        await refused(f"the feature {feature}, which is not advertised", call, Unsupported, InvalidSpec)
        await gone("looking at it", driver.get_guest(spec.guest_id))


async def a_missing_image_is_refused(bench: Bench) -> None:
    """A base image that is not there gives an error of the family, and what is left can be removed."""
    if not bench.capabilities.needs_images:
        raise NotApplicable("the driver does not read images")
    driver = await bench.driver()
    absent: BaseImage = msgspec.structs.replace(bench.blank_image("absent"), path="/nowhere/absent.raw")
    spec = bench.spec(disks=(msgspec.structs.replace(bench.root_disk(), base=absent, size_gib=1),))
    await refused("a missing image", driver.ensure_guest(bench.order(1), spec, PowerTarget.ON), DriverError)
    await driver.remove_guest(bench.order(2), spec.guest_id)
    await gone("looking at it", driver.get_guest(spec.guest_id))


async def handles_are_small(bench: Bench) -> None:
    """What a driver remembers with its guest's handle fits in 64 KiB, with many disks and long properties too."""
    driver = await bench.driver()
    disks = [msgspec.structs.replace(bench.root_disk(), name=f"disk{n}", boot_index=n) for n in range(8)]
    spec = bench.spec(disks=tuple(disks), properties={str(uuid.uuid4()): "x" * 1000 for _ in range(100)})
    made = await driver.ensure_guest(bench.order(), spec, PowerTarget.OFF)
    for guest in (made, await driver.get_guest(spec.guest_id), *await driver.list_guests()):
        require(len(guest.handle) <= HANDLE_BYTES, f"the handle has {len(guest.handle)} bytes")


CHECKS = (
    a_guest_is_built_running,
    a_guest_is_built_switched_off,
    building_what_is_built_is_success,
    ensuring_brings_the_power_along,
    a_running_guest_keeps_its_processors,
    a_disk_keeps_its_base,
    an_impossible_spec_is_refused,
    an_unknown_feature_is_refused,
    a_missing_image_is_refused,
    handles_are_small,
)
