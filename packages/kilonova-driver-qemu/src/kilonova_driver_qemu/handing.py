"""Hand PCI devices of the host to a guest: bind them to vfio-pci, and let the guest's user open their group.

A group of the IOMMU is handed over whole: the kernel refuses one of which a host's driver still holds a device. When
the guest's process has gone the group is root's again. Everything here repeats without harm.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from kilonova_driver.errors import Conflict, Internal, NoResources
from kilonova_driver.types.guests import HandedDevice

from kilonova_driver_qemu.machine import link, text

_DRIVER = "vfio-pci"
_BRIDGES = "0x06"


class Bus:
    """Where the kernel shows its devices; tests give another place."""

    def __init__(self, sys: Path = Path("/sys"), dev: Path = Path("/dev")) -> None:
        self.devices = sys / "bus/pci/devices"
        self.probe = sys / "bus/pci/drivers_probe"
        self.driver = sys / "bus/pci/drivers" / _DRIVER
        self.groups = sys / "kernel/iommu_groups"
        self.vfio = dev / "vfio"

    def can_hand(self) -> bool:
        """Whether this host can hand any device to a guest."""
        return self.driver.is_dir() and (self.vfio / "vfio").exists() and any_in(self.groups)

    def prepare(self, devices: Iterable[HandedDevice], run_as: tuple[int, int] | None) -> None:
        """Raises NoResources (no such device, no group), Conflict (somebody else uses the group), Internal."""
        homes = [self._home(device.address) for device in devices]
        # A group may hold several of them: the kernel gives it when the host's drivers have left them all.
        for home in homes:
            self._bind(home)
        for group in dict.fromkeys(link(home / "iommu_group") for home in homes):
            self._check_group(group)
            self._give(group, run_as)

    def _home(self, address: str) -> Path:
        home = self.devices / address
        if not home.is_dir():
            raise NoResources(f"there is no device {address} on this host")
        if not link(home / "iommu_group"):
            raise NoResources(f"device {address} has no IOMMU group: it cannot be handed to a guest")
        return home

    def release(self, devices: Iterable[HandedDevice]) -> None:
        """Let nobody but root open the groups of these devices; one that is gone is gone."""
        for device in devices:
            with contextlib.suppress(OSError):
                os.chown(self.vfio / link(self.devices / device.address / "iommu_group"), 0, 0)

    def _bind(self, home: Path) -> None:
        if link(home / "driver") == _DRIVER:
            return
        try:
            (home / "driver_override").write_text(f"{_DRIVER}\n")
            if (home / "driver").exists():
                (home / "driver/unbind").write_text(home.name)
            self.probe.write_text(home.name)
        except OSError as error:
            raise Internal(f"device {home.name} cannot be bound to {_DRIVER}: {error}") from error
        if link(home / "driver") != _DRIVER:
            raise Internal(f"device {home.name} was not taken by {_DRIVER}: is the module loaded?")

    def _check_group(self, group: str) -> None:
        for home in sorted((self.groups / group / "devices").iterdir()):
            held = link(self.devices / home.name / "driver")
            bridge = text(self.devices / home.name / "class").startswith(_BRIDGES)
            if held not in ("", _DRIVER) and not bridge:
                raise Conflict(f"device {home.name} of IOMMU group {group} is used by the host's driver {held}")

    def _give(self, group: str, run_as: tuple[int, int] | None) -> None:
        if run_as is None:
            return
        try:
            os.chown(self.vfio / group, *run_as)
        except OSError as error:
            raise Internal(f"the IOMMU group {group} cannot be given to the guests' user: {error}") from error


#: This machine's.
BUS = Bus()


def any_in(directory: Path) -> bool:
    """Whether a directory has anything in it."""
    return directory.is_dir() and next(directory.iterdir(), None) is not None
