"""Processors, memory and devices of a layout, as options of QEMU; and layouts that are of no guest."""

from __future__ import annotations

from typing import Any

import pytest
from kilonova_driver.errors import Conflict
from kilonova_driver.types.guests import CpuLayout, CpuPin, CpuTopology, GuestCell, GuestSpec, HandedDevice
from kilonova_driver_qemu.changes import check_change
from kilonova_driver_qemu.command_line import Descriptors, Host, command_line
from kilonova_driver_qemu.topology import handed_devices, processors_and_memory

FILES = Descriptors(monitor=3, operator=4, serial=5, console=6)
CELLS = (
    GuestCell(cpus=(0, 1, 4), memory_mib=64, host_node=1),
    GuestCell(cpus=(2, 3, 5, 6, 7), memory_mib=192, page_size_kib=2048, host_node=0),
)
GPU = HandedDevice(address="0000:3b:00.0", resource_class="CUSTOM_GPU")


def spec(devices: tuple[HandedDevice, ...] = (), **layout: Any) -> GuestSpec:
    return GuestSpec(guest_id="g", name="g", vcpus=8, memory_mib=256, layout=CpuLayout(**layout), devices=devices)


def test_without_a_layout_there_is_a_socket_per_vcpu_and_one_memory() -> None:
    assert list(processors_and_memory(spec())) == ["-smp", "8,sockets=8,cores=1,threads=1", "-m", "size=256M"]


def test_the_topology_is_what_was_asked_for() -> None:
    options = list(processors_and_memory(spec(topology=CpuTopology(sockets=2, cores=2, threads=2))))
    assert options[1] == "8,sockets=2,cores=2,threads=2"


def test_an_emulated_processor_shows_the_threads_of_its_cores() -> None:
    host = Host(qemu="/qemu", accelerator="tcg")
    assert "max,vendor=GenuineIntel" in command_line(spec(topology=CpuTopology(cores=4, threads=2)), host, FILES)
    assert "max" in command_line(spec(topology=CpuTopology(cores=8)), host, FILES)


def test_each_cell_is_a_node_with_memory_bound_to_its_host_node() -> None:
    options = list(processors_and_memory(spec(cells=CELLS)))
    assert options[4:] == [
        "-object",
        "memory-backend-ram,id=ram0,size=64M,host-nodes=1,policy=bind",
        "-numa",
        "node,nodeid=0,memdev=ram0,cpus=0-1,cpus=4-4",
        "-object",
        "memory-backend-memfd,id=ram1,size=192M,hugetlb=on,hugetlbsize=2048k,prealloc=on,host-nodes=0,policy=bind",
        "-numa",
        "node,nodeid=1,memdev=ram1,cpus=2-3,cpus=5-7",
    ]


def test_a_host_without_nodes_binds_nothing() -> None:
    alone = (GuestCell(cpus=tuple(range(8)), memory_mib=256),)
    assert "memory-backend-ram,id=ram0,size=256M" in list(processors_and_memory(spec(cells=alone)))


def test_devices_are_handed_over_by_address_and_their_guests_may_lock_memory() -> None:
    assert list(handed_devices(spec((GPU,)))) == ["-device", "vfio-pci,id=hostdev0,host=0000:3b:00.0"]
    host = Host(qemu="/qemu", accelerator="kvm", memory_locker=("/prlimit",), rights_dropper=("/setpriv",))
    assert command_line(spec((GPU,)), host, FILES)[:3] == ["/prlimit", "/setpriv", "/qemu"]
    assert command_line(spec(), host, FILES)[:2] == ["/setpriv", "/qemu"]


def test_where_threads_run_may_change_while_they_do_and_what_the_guest_sees_may_not() -> None:
    pinned = spec(pins=(CpuPin(cpu=0, host_cpus=(1,)),))
    assert check_change(spec(), pinned, runs=True) == ()
    with pytest.raises(Conflict, match="cells"):
        check_change(spec(), spec(cells=CELLS), runs=True)
    with pytest.raises(Conflict, match="devices"):
        check_change(spec((GPU,)), spec(), runs=True)
    assert check_change(spec(), spec(cells=CELLS), runs=False) == ()
