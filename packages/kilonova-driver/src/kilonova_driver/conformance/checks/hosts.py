"""What a driver says of itself and of its host."""

from __future__ import annotations

from kilonova_driver.conformance.bench import Bench
from kilonova_driver.conformance.verdicts import require
from kilonova_driver.driver import CONTRACT_VERSION, TALENTS
from kilonova_driver.soundness import faults, is_class, is_trait
from kilonova_driver.types.inventory import Inventory, Part

POOLS = ("VCPU", "MEMORY_MB", "DISK_GB")


async def capabilities_say_who_the_driver_is(bench: Bench) -> None:
    """A driver has a name, a version, a disk format, and speaks this contract."""
    said = bench.capabilities
    require(bool(said.name and said.version), f"no name or no version: {said}")
    require(said.contract[0] == CONTRACT_VERSION[0], f"contract {said.contract}, here it is {CONTRACT_VERSION}")
    require(bool(said.disk_formats) and said.disk_formats <= {"raw", "qcow2"}, f"formats {set(said.disk_formats)}")


async def capabilities_never_change(bench: Bench) -> None:
    """Capabilities are the same before the start, with guests, and after the close."""
    fresh = bench.make_driver()
    require(fresh.capabilities() == bench.capabilities, "two drivers of the same settings differ before their start")
    driver = await bench.driver()
    require(driver.capabilities() == bench.capabilities, "they changed with the start")
    await bench.built(driver)
    require(driver.capabilities() == bench.capabilities, "they changed with a guest")
    await driver.close()
    require(driver.capabilities() == bench.capabilities, "they changed with the close")


async def the_inventory_has_the_three_pools(bench: Bench) -> None:
    """A host gives processors, memory and disk, some of each; one that gives only whole machines has them as parts."""
    inventory = await (await bench.driver()).inventory()
    pools = {pool.resource_class: pool for pool in inventory.pools}
    if not pools and any(part.devices for part in inventory.parts):
        return
    for name in POOLS:
        require(name in pools, f"no pool {name}, only {', '.join(pools) or 'none'}")
        require(pools[name].total > 0, f"{name}: nothing of it")


async def the_inventory_uses_public_names(bench: Bench) -> None:
    """Resource classes and traits are those of os-resource-classes and os-traits, or CUSTOM_."""
    inventory = await (await bench.driver()).inventory()
    places: tuple[Inventory | Part, ...] = (inventory, *inventory.parts)
    for place in places:
        for name in (*(pool.resource_class for pool in place.pools), *(one.resource_class for one in place.devices)):
            require(is_class(name), f"no such resource class: {name}")
        for trait in place.traits:
            require(is_trait(trait), f"no such trait: {trait}")


async def the_inventory_is_sound(bench: Bench) -> None:
    """Amounts are possible, nothing is named twice, parts make a tree, nodes and devices are as machines have them."""
    found = faults(await (await bench.driver()).inventory())
    require(not found, "; ".join(found))


async def the_inventory_is_the_same_when_asked_again(bench: Bench) -> None:
    """Two questions, and two drivers on one host, get the same tree, so that providers keep their places."""
    first = await (await bench.driver()).inventory()
    for driver in (await bench.driver(), await bench.driver()):
        again = await driver.inventory()
        same = (again.parts, again.nodes, again.pci_devices) == (first.parts, first.nodes, first.pci_devices)
        require(same, "the parts, nodes or PCI devices are others, or in another order")


async def the_inventory_counts_what_there_is_in_all(bench: Bench) -> None:
    """A guest does not make the inventory smaller: what is free is not the driver's business."""
    driver = await bench.driver()
    before = {pool.resource_class: pool.total for pool in (await driver.inventory()).pools}
    await bench.built(driver)
    after = {pool.resource_class: pool.total for pool in (await driver.inventory()).pools}
    require(before == after, f"{before} became {after}")


async def advertised_talents_are_fulfilled(bench: Bench) -> None:
    """Every advertised talent is one of the contract's, and the driver has its methods."""
    driver = await bench.driver()
    for talent in bench.capabilities.talents:
        require(talent in TALENTS, f"no such talent: {talent}")
        require(isinstance(driver, TALENTS[talent]), f"the driver lacks methods of its talent {talent}")


async def other_talents_are_absent(bench: Bench) -> None:
    """A driver has no methods of a talent that it does not advertise."""
    driver = await bench.driver()
    for talent, protocol in TALENTS.items():
        there = talent not in bench.capabilities.talents and isinstance(driver, protocol)
        require(not there, f"the driver has the methods of {talent}, but does not advertise it")


CHECKS = (
    capabilities_say_who_the_driver_is,
    capabilities_never_change,
    the_inventory_has_the_three_pools,
    the_inventory_uses_public_names,
    the_inventory_is_sound,
    the_inventory_is_the_same_when_asked_again,
    the_inventory_counts_what_there_is_in_all,
    advertised_talents_are_fulfilled,
    other_talents_are_absent,
)
