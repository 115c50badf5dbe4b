"""Layouts that are of no guest, or of another one."""

from __future__ import annotations

from typing import Any

import pytest
from kilonova_driver.errors import InvalidSpec
from kilonova_driver.layouts import check_layout
from kilonova_driver.types.guests import CpuLayout, CpuPin, CpuTopology, GuestCell, GuestSpec, HandedDevice

CELLS = (
    GuestCell(cpus=(0, 1, 4), memory_mib=64, host_node=1),
    GuestCell(cpus=(2, 3, 5, 6, 7), memory_mib=192, page_size_kib=2048, host_node=0),
)


def spec(devices: tuple[HandedDevice, ...] = (), **layout: Any) -> GuestSpec:
    return GuestSpec(guest_id="g", name="g", vcpus=8, memory_mib=256, layout=CpuLayout(**layout), devices=devices)


def test_a_layout_of_the_guest_passes() -> None:
    pins = (CpuPin(cpu=7, host_cpus=(3,)),)
    check_layout(spec(topology=CpuTopology(sockets=2, cores=2, threads=2), cells=CELLS, pins=pins))
    check_layout(spec((HandedDevice(address="0000:3b:00.0"),)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"topology": CpuTopology(sockets=2, cores=2)}, "2 sockets of 2 cores of 1 threads are not 8"),
        ({"topology": CpuTopology(sockets=-8, cores=-1)}, "-8 sockets"),
        ({"cells": CELLS[:1]}, "each of the 8 vCPUs once"),
        ({"cells": (GuestCell(cpus=tuple(range(8)), memory_mib=255),)}, "256 MiB"),
        ({"cells": (GuestCell(cpus=tuple(range(8)), memory_mib=256, page_size_kib=1048576),)}, "no whole pages"),
        ({"pins": (CpuPin(cpu=8, host_cpus=(0,)),)}, r"the pins name vCPUs \[8\]"),
        ({"pins": (CpuPin(cpu=0, host_cpus=(0,)), CpuPin(cpu=0, host_cpus=(1,)))}, "each once"),
        ({"pins": (CpuPin(cpu=0, host_cpus=()),)}, "no processor"),
        ({"emulator_cpus": (-1,)}, "below 0"),
        ({"devices": (HandedDevice(address="3b:00.0,x-igd-opregion=on"),)}, "address"),
    ],
)
def test_a_layout_of_another_guest_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        check_layout(spec(**changes))
