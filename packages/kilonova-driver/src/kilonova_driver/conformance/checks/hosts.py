"""What a driver says of itself and of its host."""

from __future__ import annotations

import re

from kilonova_driver.conformance.bench import Bench
from kilonova_driver.conformance.verdicts import require
from kilonova_driver.driver import CONTRACT_VERSION, TALENTS

#: The classes of os-resource-classes 1.1; others begin with CUSTOM_.
STANDARD_CLASSES = frozenset(
    [
        "VCPU",
        "MEMORY_MB",
        "DISK_GB",
        "PCI_DEVICE",
        "SRIOV_NET_VF",
        "NUMA_SOCKET",
        "NUMA_CORE",
        "NUMA_THREAD",
        "NUMA_MEMORY_MB",
        "IPV4_ADDRESS",
        "VGPU",
        "VGPU_DISPLAY_HEAD",
        "NET_BW_EGR_KILOBIT_PER_SEC",
        "NET_BW_IGR_KILOBIT_PER_SEC",
        "PCPU",
        "MEM_ENCRYPTION_CONTEXT",
        "FPGA",
        "PGPU",
        "NET_PACKET_RATE_KILOPACKET_PER_SEC",
        "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
        "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
    ]
)
CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]{1,248}")
#: The families of os-traits; others begin with CUSTOM_.
TRAIT = re.compile(r"(CUSTOM|COMPUTE|HW|STORAGE|MISC|OWNER)_[A-Z0-9_]{1,248}")
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
    """A host gives processors, memory and disk, some of each."""
    pools = {pool.resource_class: pool for pool in (await (await bench.driver()).inventory()).pools}
    for name in POOLS:
        require(name in pools, f"no pool {name}, only {', '.join(pools) or 'none'}")
        pool = pools[name]
        require(
            pool.total > 0 and 0 <= pool.reserved <= pool.total, f"{name}: {pool.reserved} of {pool.total} reserved"
        )
        require(pool.min_unit >= 1 and pool.step_size >= 1 and pool.allocation_ratio > 0, f"impossible limits: {pool}")
        require(0 <= pool.max_unit <= pool.total, f"{name}: max_unit {pool.max_unit} of {pool.total}")


async def the_inventory_uses_public_names(bench: Bench) -> None:
    """Resource classes and traits are those of os-resource-classes and os-traits, or CUSTOM_; none is named twice."""
    inventory = await (await bench.driver()).inventory()
    pools = [pool.resource_class for pool in inventory.pools]
    devices = [device.resource_class for device in inventory.devices]
    for name in (*pools, *devices):
        require(name in STANDARD_CLASSES or bool(CUSTOM.fullmatch(name)), f"no such resource class: {name}")
    for trait in inventory.traits:
        require(bool(TRAIT.fullmatch(trait)), f"no such trait: {trait}")
    require(len(set(pools)) == len(pools), f"a pool is named twice: {pools}")
    require(len(set(inventory.traits)) == len(inventory.traits), "a trait is named twice")


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
    the_inventory_counts_what_there_is_in_all,
    advertised_talents_are_fulfilled,
    other_talents_are_absent,
)
