"""Real guests, emulated once more, have what they were given: the kernel says so of their processes, and one does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from host_machine import FAR, NODES, PAIR, VIRTUAL, WORDS
from hosts import DEVICES, NOBODY, SHARED, VIRTUAL_ONE, WHOLE, Host, driver_of, group_of, kernel_pages, make_host
from kilonova_driver.types.guests import GuestSpec, KernelBoot
from laid_out_guests import cell_at, devices_of, make, refusal, remove, wish_for
from processes import bound_memory, huge_mib, open_files, owner, process_of, status
from rows import Rows

#: Without what only costs time in an emulation of an emulation.
_KERNEL_OPTIONS = "console=ttyS0 quiet nokaslr mitigations=off cryptomgr.notests tsc=reliable random.trust_cpu=on"
_BOOT = KernelBoot(kernel_path="/guest/kernel", ramdisk_path="/guest/system.cpio", command_line=_KERNEL_OPTIONS)
_PATIENCE = 1200.0
_SMALL, _LARGE = 2048, 1048576
_WHERE = "its memory: policy, KiB a page, MiB by node"


async def look_at_guests(rows: Rows) -> None:
    host = make_host(Path("/var/guests"))
    await host.driver.start()
    await host.resources.measure()
    look_at_free_pages(rows, "before any guest")
    await look_at_laid_out(rows, host)
    await look_at_large_page(rows, host)
    await look_at_ordinary(rows, host)
    await look_at_group(rows, host)
    await look_at_virtual_function(rows, host)
    rows.same("when all are gone", "guests of the driver", 0, len(await host.driver.list_guests()))
    look_at_free_pages(rows, "when all are gone")
    await host.driver.close()


def look_at_free_pages(rows: Rows, room: str) -> None:
    for number, node in enumerate(NODES):
        rows.same(room, f"free huge pages of node {number}", node.pages, kernel_pages(number, "free_hugepages"))


async def look_at_laid_out(rows: Rows, host: Host) -> None:
    """Two cells with a processor of their own each, in pages of 2 MiB; and a disk controller that is handed over."""
    room, before = "a guest of two cells in huge pages, with a device", driver_of(FAR)
    cells = cell_at(0, 0, 128, _SMALL), cell_at(1, 1, 96, _SMALL)
    spec = await make(host, wish_for("laid-out", *cells, dedicated=(0, 1), devices=devices_of(1, WHOLE)), _BOOT)
    found = await process_of(host, "laid-out")
    rows.same(room, "its vCPUs may run", [{1}, {5}], found.vcpus)
    rows.same(room, "its other threads may run on the shared of its first node", {frozenset({0, 2})}, found.others)
    wanted = [("bind:0", _SMALL, {0: 128}), ("bind:1", _SMALL, {1: 96})]
    rows.same(room, _WHERE, wanted, bound_memory(found.pid))
    rows.same(room, "MiB of its memory in huge pages", 224, huge_mib(found.pid))
    left = [kernel_pages(number, "free_hugepages")[_SMALL] for number in (0, 1)]
    rows.same(room, "pages of 2 MiB that are left at nodes 0 and 1", [128 - 64, 64 - 48], left)
    rows.same(room, "the device was the host's", "nvme", before)
    look_at_handed(rows, room, spec, found.pid, [FAR])
    second = await refusal(host, wish_for("second", devices=devices_of(1, WHOLE)))
    rows.same(room, "a second that wants the device", f"1 of {WHOLE} were claimed, only 0 are free", second)
    await look_at_console(rows, room, host)
    # Only now: one that is not yet started by its guest sleeps where it was born, before it was put anywhere.
    rows.same(room, "its vCPUs did run", [1, 5], (await process_of(host, "laid-out")).ran)
    await remove(host, "laid-out")
    rows.same(room, "the device's group is root's again", (0, 0), owner(Path("/dev/vfio") / group_of(FAR)))


def look_at_handed(rows: Rows, room: str, spec: GuestSpec, pid: int, addresses: list[str]) -> None:
    """The devices are the guest's, and nobody else's."""
    rows.same(room, "the devices it was given", addresses, [one.address for one in spec.devices])
    rows.same(room, "their driver now", {"vfio-pci"}, {driver_of(one) for one in addresses})
    groups = {Path("/dev/vfio") / group_of(one) for one in addresses}
    rows.same(room, "who may open their group", {NOBODY}, {owner(path) for path in groups})
    missing = {str(path) for path in groups} - open_files(pid)
    rows.same(room, "groups that its process does not hold", set(), missing)
    said = status(pid)
    rows.same(room, "its process: user, rights", ("65534", "0000000000000000"), (said["Uid"], said["CapEff"]))
    # Less than one is what a machine's low memory hides from devices.
    movable = max(0, spec.memory_mib * 1024 - int(said["VmLck"])) // 1024
    rows.same(room, "whole MiB of its memory that could move while the device writes", 0, movable)


async def look_at_console(rows: Rows, room: str, host: Host) -> None:
    """What the guest says of itself: it takes minutes."""
    began, said = time.monotonic(), ""
    while "guest: that is all" not in said and time.monotonic() < began + _PATIENCE:
        await asyncio.sleep(1)
        said = (await host.driver.console_log("laid-out", 1 << 16)).decode(errors="replace")
    print(said, f"the guest took {time.monotonic() - began:.0f} s", sep="\n", flush=True)
    lines = [line.strip().removeprefix("guest: ") for line in said.splitlines() if line.startswith("guest: ")]
    wanted = ["node0 has processors 0", "node1 has processors 1", f"disk: {WORDS}", "that is all"]
    rows.same(room, "the guest itself says", wanted, lines)


async def look_at_large_page(rows: Rows, host: Host) -> None:
    room = "a guest in a page of 1 GiB"
    await make(host, wish_for("large", cell_at(1, 0, 1024, _LARGE)))
    found = await process_of(host, "large")
    rows.same(room, _WHERE, [("bind:1", _LARGE, {1: 1024})], bound_memory(found.pid))
    rows.same(room, "huge pages of node 1 that are left", {_SMALL: 64}, kernel_pages(1, "free_hugepages"))
    rows.same(room, "its vCPU may run on the shared of its node", [{4}], found.vcpus)
    await remove(host, "large")


async def look_at_ordinary(rows: Rows, host: Host) -> None:
    room = "guests in ordinary pages"
    await make(host, wish_for("ordinary", cell_at(0, 0, 64), cell_at(1, 1, 64)))
    found = await process_of(host, "ordinary")
    memory = bound_memory(found.pid)
    rows.same(room, "two cells: policies", ["bind:0", "bind:1"], [policy for policy, _, _ in memory])
    strange = [node for policy, _, place in memory for node in place if policy != f"bind:{node}"]
    rows.same(room, "two cells: nodes with memory that is bound elsewhere", [], strange)
    rows.same(room, "two cells: their vCPUs may run", [{0, 2}, {4}], found.vcpus)
    await make(host, wish_for("plain"))
    found = await process_of(host, "plain")
    rows.same(room, "no cell: its vCPU may run on all that are shared", [set(SHARED)], found.vcpus)
    rows.same(room, "no cell: what is bound to a node", [], bound_memory(found.pid))
    await remove(host, "ordinary", "plain")


async def look_at_group(rows: Rows, host: Host) -> None:
    """Two functions of one controller, both the host's still: one alone cannot be handed over, both together can."""
    room = "a group of two devices"
    said = await refusal(host, wish_for("alone", devices=devices_of(-1, WHOLE)))
    group = group_of(PAIR[0])
    wanted = f"device {PAIR[1]} of IOMMU group {group} is used by the host's driver nvme"
    rows.same(room, "one alone", wanted, said)
    await remove(host, "alone")
    give_back(PAIR[0])
    rows.same(room, "their drivers before", ["nvme", "nvme"], [driver_of(one) for one in PAIR])
    spec = await make(host, wish_for("pair", devices=devices_of(-1, WHOLE, 2)))
    look_at_handed(rows, room, spec, (await process_of(host, "pair")).pid, list(PAIR))
    await remove(host, "pair")


def give_back(address: str) -> None:
    """Give a device back to the host's own driver, as operators do."""
    (DEVICES / address / "driver/unbind").write_text(address)
    (DEVICES / address / "driver_override").write_text("\n")
    (DEVICES.parent / "drivers_probe").write_text(address)


async def look_at_virtual_function(rows: Rows, host: Host) -> None:
    room = "a virtual function"
    spec = await make(host, wish_for("virtual", devices=devices_of(1, VIRTUAL_ONE)))
    look_at_handed(rows, room, spec, (await process_of(host, "virtual")).pid, [VIRTUAL[0]])
    await remove(host, "virtual")
