"""What the host reports, beside what the machine is made of and what its kernel says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host_machine import CONTROLLERS, CORES, FAR, NEAR, NODES, PAIR, SOCKETS, THREADS, VENDOR, VIRTUAL
from hosts import (
    KEPT_MIB,
    KEPT_PAGES,
    SAID,
    SHARED,
    SYS,
    WHOLE,
    kernel_pages,
    make_host,
    node_memory,
)
from kilonova_agent.errors import AgentError
from kilonova_agent.resources.trees import Tree
from kilonova_driver.soundness import faults
from kilonova_driver.types.inventory import Inventory, Part
from kilonova_driver_qemu.doctor import host_requirements
from rows import Rows


async def look_at_tree(rows: Rows) -> None:
    host = make_host(Path("/var/tree"))
    inventory = await host.driver.inventory()
    look_at_processors(rows, inventory)
    look_at_memory(rows, inventory)
    look_at_devices(rows, inventory)
    rows.same("the driver", "the inventory is sound", [], faults(inventory))
    features = sorted(host.driver.capabilities().features & {"pinning", "huge_pages", "devices", "numa"})
    rows.same("the driver", "what it can do here", ["devices", "huge_pages", "numa", "pinning"], features)
    look_at_parts(rows, await host.resources.measure())
    await look_at_other_words(rows)
    await look_at_a_processor_that_left(rows)
    for need in host_requirements():
        rows.same(
            "what the driver needs, as kilonova doctor says",
            need.name,
            "well",
            "well" if need.ok else f"{need.found}: {need.mend}",
        )


# --- what the driver measures


def look_at_processors(rows: Rows, inventory: Inventory) -> None:
    room, nodes = "the driver: processors", inventory.nodes
    rows.same(room, "nodes", list(range(len(NODES))), [node.number for node in nodes])
    rows.same(room, "cores and their threads, by node", [one.cores for one in NODES], [one.cores for one in nodes])
    kernel = [(SYS / f"devices/system/node/node{node.number}/cpulist").read_text().strip() for node in nodes]
    rows.same(room, "processors as the kernel lists them", kernel, [_listed(node.cpus) for node in nodes])
    rows.same(room, "socket of each node", [one.socket for one in NODES], [one.socket for one in nodes])
    cpu = inventory.cpu
    rows.same(room, "sockets, cores, threads", (SOCKETS, CORES, THREADS), (cpu.sockets, cpu.cores, cpu.threads))
    total = {pool.resource_class: pool.total for pool in inventory.pools}
    rows.same(room, "all processors", SOCKETS * CORES * THREADS, total["VCPU"])
    rows.same(room, "pages of 1 GiB are a trait", True, "HW_CPU_X86_PDPE1GB" in inventory.traits)


def _listed(cpus: tuple[int, ...]) -> str:
    return f"{cpus[0]}-{cpus[-1]}" if cpus else ""


def look_at_memory(rows: Rows, inventory: Inventory) -> None:
    room, nodes = "the driver: memory", inventory.nodes
    rows.same(room, "MiB of each node, as the kernel says", memory_of_nodes(), [node.memory_mib for node in nodes])
    lost = [made.memory_mib - node.memory_mib for made, node in zip(NODES, nodes, strict=True)]
    rows.same(room, "what the kernel took of each is little", [True] * 3, [0 <= one <= 192 for one in lost])
    whole = {pool.resource_class: pool.total for pool in inventory.pools}["MEMORY_MB"]
    said = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1])  # type: ignore[index]
    rows.same(room, "MiB of the machine", said // 1024, whole)
    rows.same(room, "the nodes have no more than the machine", True, sum(node.memory_mib for node in nodes) <= whole)
    pages = [{one.size_kib: one.total for one in node.huge_pages} for node in nodes]
    rows.same(room, "huge pages by size, by node", [one.pages for one in NODES], pages)
    rows.same(room, "huge pages as the kernel counts them", [kernel_pages(number) for number in range(3)], pages)


def memory_of_nodes() -> list[int]:
    return [node_memory(number) for number in range(len(NODES))]


def look_at_devices(rows: Rows, inventory: Inventory) -> None:
    room = "the driver: PCI devices"
    found = {one.address: one for one in inventory.pci_devices if one.vendor_id == VENDOR}
    rows.same(room, "disk controllers", sorted(CONTROLLERS), sorted(found))
    for address, made in CONTROLLERS.items():
        home, one = SYS / "bus/pci/devices" / address, found.get(address)
        wanted = (int((home / "numa_node").read_text()), (home / "iommu_group").readlink().name, made.parent)
        rows.same(room, f"{address}: node as built", made.node, one and one.numa_node)
        told = one and (one.numa_node, one.group, one.parent)
        rows.same(room, f"{address}: node, IOMMU group and parent as the kernel says", wanted, told)
    groups = {found[address].group for address in PAIR}
    rows.same(room, "the functions of one controller are one group", 1, len(groups))
    rest = {one.group for one in found.values()} - groups
    rows.same(room, "every other has a group of its own", len(CONTROLLERS) - len(PAIR), len(rest))
    rows.same(
        room, "bridges are none", [], [one.address for one in inventory.pci_devices if one.class_code[:2] == "06"]
    )


# --- what the agent makes of it


def look_at_parts(rows: Rows, tree: Tree) -> None:
    room, memory = "the tree", memory_of_nodes()
    parts = {part.name: part for part in tree.inventory.parts}
    near, far = (f"NUMA{number}_{WHOLE.removeprefix('CUSTOM_')}" for number in (0, 1))
    alone, virtual = WHOLE.removeprefix("CUSTOM_"), "NUMA1_DISK_PART"
    names = {"NUMA0": "", "NUMA1": "", near: "NUMA0", far: "NUMA1", virtual: "NUMA1", alone: ""}
    rows.same(room, "parts, and what each is of", names, {name: part.parent for name, part in parts.items()})
    huge = [sum(size * count for size, count in node.pages.items()) // 1024 for node in NODES]
    root = {pool.resource_class: pool for pool in tree.inventory.pools}
    rows.same(room, "the host shares the processors that are left", len(SHARED), root["VCPU"].total)
    rows.same(room, "the host keeps its own and all huge pages", KEPT_MIB + sum(huge), root["MEMORY_MB"].reserved)
    rows.same(room, "the host itself has no more", ["DISK_GB", "MEMORY_MB", "VCPU"], sorted(root))
    for number, dedicated in ((0, 2), (1, 3)):
        made = NODES[number].pages
        wanted = {f"CUSTOM_MEMORY_PAGES_{size}KB": size * count // 1024 for size, count in made.items()}
        wanted |= {"PCPU": dedicated, "NUMA_MEMORY_MB": memory[number] - huge[number]}
        rows.same(room, f"NUMA{number} has", wanted, totals(parts.get(f"NUMA{number}")))
        traits = ["HW_NUMA_ROOT", f"CUSTOM_SOCKET_{NODES[number].socket}"]
        rows.same(room, f"NUMA{number} is", sorted(traits), sorted(parts[f"NUMA{number}"].traits))
    kept = {pool.resource_class: pool.reserved for pool in parts["NUMA1"].pools}
    rows.same(room, "NUMA1 keeps pages for the host", KEPT_PAGES * 2, kept["CUSTOM_MEMORY_PAGES_2048KB"])
    rows.same(
        room,
        "NUMA1 keeps its share of the host's memory",
        KEPT_MIB * memory[1] // sum(memory) + 1,
        kept["NUMA_MEMORY_MB"],
    )
    counts = {name: parts[name].devices[0].count for name in (near, far, virtual, alone) if name in parts}
    rows.same(room, "devices of each kind", {near: 1, far: 1, virtual: len(VIRTUAL), alone: len(PAIR)}, counts)
    given = {one.address: seat.node for seat in tree.seats.values() for one in _all(seat.devices)}
    wanted_nodes = {NEAR: 0, FAR: 1, **dict.fromkeys(VIRTUAL, 1), **dict.fromkeys(PAIR, -1)}
    rows.same(room, "which they are, and at which node; a physical function not", wanted_nodes, given)
    traits = sorted({"HW_CPU_HYPERTHREADING", "COMPUTE_SOCKET_PCI_NUMA_AFFINITY"} & set(tree.inventory.traits))
    rows.same(room, "traits of the host", ["COMPUTE_SOCKET_PCI_NUMA_AFFINITY", "HW_CPU_HYPERTHREADING"], traits)
    rows.same(room, "it is sound", [], faults(tree.inventory))
    look_at_promises(rows, tree)


def totals(part: Part | None) -> dict[str, int]:
    return {pool.resource_class: pool.total for pool in part.pools} if part else {}


def _all(devices: dict[str, tuple[Any, ...]]) -> Iterator[Any]:
    for some in devices.values():
        yield from some


def look_at_promises(rows: Rows, tree: Tree) -> None:
    """Nothing of the memory is promised twice: ordinary pages are the host's and its nodes', huge ones only theirs."""
    free = {pool.resource_class: pool.total - pool.reserved for pool in tree.inventory.pools}["MEMORY_MB"]
    of_nodes = [pool for part in tree.inventory.parts for pool in part.pools]
    ordinary = sum(one.total - one.reserved for one in of_nodes if one.resource_class == "NUMA_MEMORY_MB")
    huge = sum(one.total for one in of_nodes if one.resource_class.startswith("CUSTOM_MEMORY_PAGES_"))
    rows.same("the tree", "the nodes promise no more ordinary memory than the host", True, ordinary <= free)
    rows.same(
        "the tree", "ordinary and huge pages are no more than there is", True, free + huge <= sum(memory_of_nodes())
    )


async def look_at_other_words(rows: Rows) -> None:
    """The same machine as other operators describe it."""
    tree = await make_host(Path("/var/off"), f'numa = "off"\n{SAID}').resources.measure()
    root = {pool.resource_class: pool.total for pool in tree.inventory.pools}
    wanted = {"PCPU": 5, "VCPU": 3, "CUSTOM_MEMORY_PAGES_2048KB": 384, "CUSTOM_MEMORY_PAGES_1048576KB": 1024}
    rows.same("the tree, nodes off", "the host itself has", wanted, {name: root.get(name) for name in wanted})
    rows.same(
        "the tree, nodes off", "no part is a node", [], [one.name for one in tree.inventory.parts if "NUMA" in one.name]
    )
    tree = await make_host(Path("/var/plain"), "").resources.measure()
    names = [part.name for part in tree.inventory.parts]
    rows.same("the tree, nothing said", "nodes are parts, devices are not given", ["NUMA0", "NUMA1"], names)


async def look_at_a_processor_that_left(rows: Rows) -> None:
    """A processor that was taken off line is of no node any more, and an operator who names it hears so."""
    _, driver, resources, _ = make_host(Path("/var/left"))
    with _off_line(7):
        inventory = await driver.inventory()
        rows.same("a processor off line", "cores of its node", [(4, 5), (6,)], inventory.nodes[1].cores)
        try:
            await resources.measure()
            said = "nothing"
        except AgentError as error:
            said = str(error).rpartition(": ")[2]
        rows.same("a processor off line", "the agent says", "this machine has no processor 7", said)
    inventory = await driver.inventory()
    rows.same("a processor off line", "cores when it is back", NODES[1].cores, inventory.nodes[1].cores)


@contextmanager
def _off_line(cpu: int) -> Iterator[None]:
    switch = SYS / f"devices/system/cpu/cpu{cpu}/online"
    switch.write_text("0")
    yield
    switch.write_text("1")
