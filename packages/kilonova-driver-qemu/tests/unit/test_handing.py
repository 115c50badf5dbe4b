"""Devices handed to guests, on a machine of files; and what a machine can do for guests at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kilonova_driver.errors import Conflict, Internal, NoResources
from kilonova_driver.types.guests import HandedDevice
from kilonova_driver_qemu.features import features_here
from kilonova_driver_qemu.handing import Bus

ADDRESS = "0000:3b:00.0"
GPU = (HandedDevice(address=ADDRESS),)


class Machine:
    """A machine with one group of two devices. Its kernel is files, so a test binds by hand."""

    def __init__(self, root: Path) -> None:
        self.sys, self.dev = root / "sys", root / "dev"
        self.bus = Bus(self.sys, self.dev)
        for driver in ("vfio-pci", "nvidia"):
            (self.sys / "bus/pci/drivers" / driver).mkdir(parents=True)
        (self.dev / "vfio").mkdir(parents=True)
        for name in ("vfio", "7"):
            (self.dev / "vfio" / name).touch()
        (self.sys / "kernel/iommu_groups/7/devices").mkdir(parents=True)
        for address in (ADDRESS, "0000:3b:00.1"):
            self.add(address)

    def add(self, address: str) -> Path:
        home = self.sys / "bus/pci/devices" / address
        home.mkdir(parents=True)
        (home / "class").write_text("0x030200\n")
        (home / "iommu_group").symlink_to("../../../kernel/iommu_groups/7")
        (self.sys / "kernel/iommu_groups/7/devices" / address).symlink_to(home)
        return home

    def bind(self, address: str, driver: str) -> None:
        link = self.sys / "bus/pci/devices" / address / "driver"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../../bus/pci/drivers/{driver}")

    def obey(self) -> None:
        """Let the bus bind like the kernel: a probe binds a device to the driver that it is to have."""
        machine = self

        class Probe:
            def write_text(self, address: str) -> None:
                machine.bind(address, "vfio-pci")

        self.bus.probe = Probe()  # type: ignore[assignment]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_bound_device_is_opened_to_the_guests_user_and_closed_again(machine: Machine) -> None:
    machine.bind(ADDRESS, "vfio-pci")
    user = (os.geteuid(), os.getegid()) if os.geteuid() else (65534, 65534)
    machine.bus.prepare(GPU, user)
    machine.bus.prepare(GPU, user)
    assert (machine.dev / "vfio/7").stat().st_uid == user[0]
    machine.bus.release(GPU)
    assert (machine.dev / "vfio/7").stat().st_uid == os.geteuid()


def test_a_device_of_the_host_is_asked_to_change_its_driver(machine: Machine) -> None:
    with pytest.raises(Internal, match="not taken by vfio-pci"):
        machine.bus.prepare(GPU, None)
    assert (machine.sys / "bus/pci/drivers_probe").read_text() == ADDRESS
    assert (machine.sys / "bus/pci/devices" / ADDRESS / "driver_override").read_text() == "vfio-pci\n"


def test_a_group_is_not_split_between_the_host_and_a_guest(machine: Machine) -> None:
    machine.bind(ADDRESS, "vfio-pci")
    machine.bind("0000:3b:00.1", "nvidia")
    with pytest.raises(Conflict, match="used by the host's driver nvidia"):
        machine.bus.prepare(GPU, None)


def test_devices_of_one_group_leave_the_host_together(machine: Machine) -> None:
    machine.obey()
    pair = tuple(HandedDevice(address=address) for address in (ADDRESS, "0000:3b:00.1"))
    for device in pair:
        machine.bind(device.address, "nvidia")
    machine.bus.prepare(pair, None)
    bound = {(machine.bus.devices / device.address / "driver").readlink().name for device in pair}
    assert bound == {"vfio-pci"}


def test_what_is_not_there_or_has_no_group_is_refused(machine: Machine) -> None:
    with pytest.raises(NoResources, match="no device"):
        machine.bus.prepare((HandedDevice(address="0000:99:00.0"),), None)
    (machine.sys / "bus/pci/devices" / ADDRESS / "iommu_group").unlink()
    with pytest.raises(NoResources, match="no IOMMU group"):
        machine.bus.prepare(GPU, None)


def test_only_what_this_host_can_do_is_advertised(machine: Machine, tmp_path: Path) -> None:
    pages = machine.sys / "kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
    pages.parent.mkdir(parents=True)
    pages.write_text("0")
    status = tmp_path / "status"
    status.write_text("CapEff:\t0000000000000000\n")
    nobody = (os.geteuid() + 1, 65534)
    plain = features_here(nobody, sys=machine.sys, proc=tmp_path, bus=Bus(tmp_path / "none", tmp_path))
    assert plain == {"kernel_boot", "config_drive", "cpu_topology", "numa"}
    pages.write_text("64")
    status.write_text("CapEff:\t0000000000800000\n")
    able = features_here(nobody, sys=machine.sys, proc=tmp_path, bus=machine.bus)
    assert able - plain == {"pinning", "huge_pages", "devices"}
