"""Real guests have the processors, nodes and pages they were given: QEMU says so, the kernel, and the guest itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.errors import NoResources
from kilonova_driver.types.guests import ConfigDrive, CpuLayout, CpuPin, CpuTopology, GuestCell, GuestSpec
from kilonova_driver_qemu.driver import QemuDriver
from kilonova_driver_qemu.machine import read_nodes
from kilonova_driver_qemu.monitor import Monitor

pytestmark = pytest.mark.guest

CPUS = sorted(os.sched_getaffinity(0))
PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
SHAPE = CpuTopology(sockets=1, cores=2, threads=2)
CELLS = (GuestCell(cpus=(0, 1), memory_mib=96), GuestCell(cpus=(2, 3), memory_mib=160))


def laid_out(spec: GuestSpec, **layout: Any) -> GuestSpec:
    return msgspec.structs.replace(spec, vcpus=4, memory_mib=256, layout=CpuLayout(**layout))


async def ask(bench: Any, guest_id: str, command: str) -> Any:
    """Ask QEMU itself, through the operator's monitor."""
    monitor = await Monitor.connect(Path(bench.settings.state_dir) / "guests" / guest_id / "operator.sock", 20)
    try:
        return await monitor.ask(command)
    finally:
        await monitor.close()


async def affinities(bench: Any, driver: QemuDriver, guest_id: str) -> tuple[list[set[int]], set[frozenset[int]]]:
    """Where each vCPU may run, and where the other threads may."""
    found = {one["cpu-index"]: one["thread-id"] for one in await ask(bench, guest_id, "query-cpus-fast")}
    pid = driver._guests[guest_id].need_running().pid
    others = set(map(int, os.listdir(f"/proc/{pid}/task"))) - set(found.values())
    vcpus = [os.sched_getaffinity(found[cpu]) for cpu in sorted(found)]
    return vcpus, {frozenset(os.sched_getaffinity(thread)) for thread in others}


async def test_the_guest_sees_its_topology_and_its_nodes(
    bench: Any,
    tiny_spec: GuestSpec,
    until_console_says: Callable[[QemuDriver, str, str], Awaitable[str]],
    tmp_path: Path,
    write_config_drive: Callable[..., Path],
) -> None:
    script = """#!/bin/sh
for field in 'physical id' 'core id' 'siblings' 'cpu cores'; do
  echo "$field: $(grep "^$field" /proc/cpuinfo | cut -d: -f2 | tr -d '\\n')"
done
for node in /sys/devices/system/node/node*; do
  echo "$(basename $node): cpus $(cat $node/cpulist) $(grep MemTotal $node/meminfo)"
done
dmesg | grep 'smp: Brought'
echo layout told
"""
    drive = write_config_drive(tmp_path / "drive.iso", meta_data={"uuid": tiny_spec.guest_id}, user_data=script)
    spec = msgspec.structs.replace(
        laid_out(tiny_spec, topology=SHAPE, cells=CELLS), config_drive=ConfigDrive(path=str(drive))
    )
    driver = await bench.driver()
    guest = await bench.built(driver, spec)
    slots = [one["props"] for one in await ask(bench, guest.guest_id, "query-hotpluggable-cpus")]
    places = {(one["core-id"], one["thread-id"]): one["node-id"] for one in slots}
    assert places == {(0, 0): 0, (0, 1): 0, (1, 0): 1, (1, 1): 1}
    assert {one["id"]: one["size"] for one in await ask(bench, guest.guest_id, "query-memdev")} == {
        "ram0": 96 << 20,
        "ram1": 160 << 20,
    }
    said = await until_console_says(driver, guest.guest_id, "layout told")
    assert "physical id:  0 0 0 0" in said
    assert "core id:  0 0 1 1" in said
    assert "siblings:  4 4 4 4" in said
    assert "cpu cores:  2 2 2 2" in said
    assert "node0: cpus 0-1" in said
    assert "node1: cpus 2-3" in said
    assert "smp: Brought up 2 nodes, 4 CPUs" in said


async def test_threads_run_where_they_were_put_also_when_the_driver_comes_back(
    bench: Any, blank_spec: GuestSpec
) -> None:
    last = (CPUS[-1],)
    pins = (CpuPin(cpu=0, host_cpus=last), CpuPin(cpu=1, host_cpus=tuple(CPUS)))
    spec = laid_out(blank_spec, pins=pins, emulator_cpus=(CPUS[0],))
    driver = await bench.driver()
    assert "pinning" in driver.capabilities().features
    guest = await bench.built(driver, spec)
    vcpus, others = await affinities(bench, driver, guest.guest_id)
    assert vcpus[:2] == [set(last), set(CPUS)]
    assert others == {frozenset({CPUS[0]})}
    await driver.close()
    again = await bench.driver()
    assert (await affinities(bench, again, guest.guest_id))[0][0] == set(last)


async def test_what_a_driver_that_died_too_early_left_undone_is_done_by_the_next(
    bench: Any, blank_spec: GuestSpec
) -> None:
    spec = laid_out(blank_spec, pins=(CpuPin(cpu=3, host_cpus=(CPUS[-1],)),))
    driver = await bench.driver()
    guest = await bench.built(driver, spec)
    for one in await ask(bench, guest.guest_id, "query-cpus-fast"):
        os.sched_setaffinity(one["thread-id"], CPUS)
    await driver.close()
    again = await bench.driver()
    assert (await affinities(bench, again, guest.guest_id))[0][3] == {CPUS[-1]}


async def test_pins_change_under_a_running_guest_and_come_back_with_its_next_start(
    bench: Any, blank_spec: GuestSpec
) -> None:
    driver = await bench.driver()
    guest = await bench.built(driver, laid_out(blank_spec))
    assert (await affinities(bench, driver, guest.guest_id))[0][2] == set(CPUS)
    await bench.built(driver, laid_out(blank_spec, pins=(CpuPin(cpu=2, host_cpus=(CPUS[-1],)),)))
    assert (await affinities(bench, driver, guest.guest_id))[0][2] == {CPUS[-1]}
    await driver.reboot(bench.order(), guest.guest_id, Mode.FORCE, 0)
    assert (await affinities(bench, driver, guest.guest_id))[0][2] == {CPUS[-1]}


async def test_a_guest_that_cannot_be_put_on_its_processors_does_not_run(bench: Any, blank_spec: GuestSpec) -> None:
    driver = await bench.driver()
    spec = laid_out(blank_spec, pins=(CpuPin(cpu=0, host_cpus=(4095,)),))
    with pytest.raises(NoResources, match="4095"):
        await bench.built(driver, spec)
    assert (await driver.get_guest(spec.guest_id)).power == "off"
    mended = laid_out(blank_spec, pins=(CpuPin(cpu=0, host_cpus=(CPUS[0],)),))
    assert (await bench.built(driver, mended)).power == "on"


async def test_memory_is_of_the_hosts_node_that_was_claimed(bench: Any, blank_spec: GuestSpec) -> None:
    node = read_nodes(Path("/sys"), 1)[0].number
    spec = laid_out(blank_spec, cells=(GuestCell(cpus=(0, 1, 2, 3), memory_mib=256, host_node=node),))
    driver = await bench.driver()
    guest = await bench.built(driver, spec)
    (memory,) = await ask(bench, guest.guest_id, "query-memdev")
    assert (memory["host-nodes"], memory["policy"]) == ([node], "bind")


async def test_huge_pages_are_huge(bench: Any, blank_spec: GuestSpec, huge_pages: int, wait_until: Any) -> None:
    spec = laid_out(blank_spec, cells=(GuestCell(cpus=(0, 1, 2, 3), memory_mib=256, page_size_kib=2048),))
    driver = await bench.driver()
    assert "huge_pages" in driver.capabilities().features
    guest = await bench.built(driver, spec)
    pid = driver._guests[guest.guest_id].need_running().pid
    assert huge_kib(pid) == 256 * 1024
    await driver.set_power(bench.order(), guest.guest_id, PowerTarget.OFF, Mode.FORCE, 0)
    await wait_until(lambda: asyncio.to_thread(lambda: int((PAGES / "free_hugepages").read_text()) >= huge_pages))


def huge_kib(pid: int) -> int:
    """How much of a process's memory is in huge pages."""
    mapped = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in mapped.splitlines() if "_Hugetlb" in line)


@pytest.fixture
def huge_pages() -> Any:
    """So many huge pages set aside for a test, and given back to the machine; how many there are."""
    total = PAGES / "nr_hugepages"
    before = int(total.read_text())
    try:
        total.write_text(str(before + 128))
    except OSError:
        pytest.skip("huge pages need root, and a kernel that lets it")
    if int(total.read_text()) < before + 128:
        total.write_text(str(before))
        pytest.skip("the machine has no memory in one piece for 128 huge pages")
    yield before + 128
    total.write_text(str(before))
