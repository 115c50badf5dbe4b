"""The workbench of one check: makes drivers, specs and orders, and cleans up after it.

Each check has a bench of its own, with a fresh state directory. When the check is over every driver that still lives
is ended, and a last one removes whatever guests are left.
"""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Protocol

import msgspec

from kilonova_driver.conformance.remote import RemoteDriver, start_remote
from kilonova_driver.conformance.sources import open_driver
from kilonova_driver.conformance.verdicts import NotApplicable
from kilonova_driver.driver import Diagnoses, Driver, Pauses, PowerTarget
from kilonova_driver.types.guests import BaseImage, Disk, DiskFormat, Guest, GuestSpec, Nic
from kilonova_driver.types.orders import Order
from kilonova_driver.types.settings import DriverSettings

MEMORY_MIB = 128
#: Larger than any generation that a check gives: the order that cleans up.
LAST_GENERATION = 1_000_000
#: How long a guest is asked before it is forced: nothing listens in a guest without an image.
GRACE_SECONDS = 1.0
#: A file of this size or less may stay when a guest is removed (a mark that it was here), a larger one is its disk.
LEFT_OVER_BYTES = 4096


class Builds(Protocol):
    """A driver, in this process or in another, that builds guests."""

    async def ensure_guest(self, order: Order, spec: GuestSpec, power: PowerTarget) -> Guest: ...


class Bench:
    """What a check works with."""

    def __init__(self, source: str, settings: DriverSettings, image: BaseImage | None) -> None:
        self.settings = settings
        self.image = image
        self.state_dir = Path(settings.state_dir)
        self._source = source
        self._images = self.state_dir.parent / f"{self.state_dir.name}-images"
        self._images.mkdir(parents=True)
        self._drivers: list[Driver] = []
        self._remotes: list[RemoteDriver] = []
        self.capabilities = self.make_driver().capabilities()

    def make_driver(self) -> Driver:
        """A driver in this process, not started: for checks of just that."""
        return open_driver(self._source, self.settings)

    async def driver(self) -> Driver:
        """A driver in this process, started; closed when the check is over."""
        driver = self.make_driver()
        self._drivers.append(driver)
        await driver.start()
        return driver

    async def remote(self) -> RemoteDriver:
        """A driver in a process of its own on the same state directory: one that can be killed."""
        remote = await start_remote(self._source, self.settings, self._images / "remote.log")
        self._remotes.append(remote)
        return remote

    async def close(self) -> None:
        """End every driver and remove every guest."""
        for remote in self._remotes:
            await remote.kill()
        for driver in self._drivers:
            await driver.close()
        last = self.make_driver()
        await last.start()
        try:
            for guest in await last.list_guests():
                await last.remove_guest(self.order(LAST_GENERATION), guest.guest_id)
        finally:
            await last.close()

    def spec(self, **changes: object) -> GuestSpec:
        """A small guest with an id of its own: one disk, no network unless it costs nothing."""
        guest_id = str(uuid.uuid4())
        nics = () if self.capabilities.needs_host_network else (paper_nic(guest_id),)
        spec = GuestSpec(
            guest_id=guest_id, name="check", vcpus=1, memory_mib=MEMORY_MIB, disks=(self.root_disk(),), nics=nics
        )
        return msgspec.structs.replace(spec, **changes)

    def root_disk(self) -> Disk:
        return Disk(name="root", size_gib=0 if self.image else 1, base=self.image, boot_index=0)

    def order(self, generation: int = 1) -> Order:
        """A fresh order."""
        return Order(operation_id=str(uuid.uuid4()), generation=generation)

    def blank_image(self, name: str) -> BaseImage:
        """A small verified image file with nothing bootable in it."""
        content = name.encode().ljust(1024 * 1024, b"\0")
        path = self._images / f"{name}.raw"
        path.write_bytes(content)
        path.chmod(0o444)
        digest = hashlib.sha512(content).hexdigest()
        return BaseImage(path=str(path), format=DiskFormat.RAW, digest=digest, virtual_size_bytes=len(content))

    async def built(self, driver: Builds, power: PowerTarget = PowerTarget.ON) -> Guest:
        """A guest, built by an order of generation 1."""
        return await driver.ensure_guest(self.order(), self.spec(), power)

    def files(self) -> set[Path]:
        """The files below the state directory now."""
        return {path for path in self.state_dir.rglob("*") if path.is_file() and not path.is_symlink()}

    def left_over(self, before: set[Path]) -> list[str]:
        """The files that came since, and are larger than a mark."""
        return sorted(str(path) for path in self.files() - before if path.stat().st_size > LEFT_OVER_BYTES)

    def pauses(self, driver: Driver) -> Pauses:
        """The driver as one that pauses; the check does not apply to others."""
        if "pause" not in self.capabilities.talents or not isinstance(driver, Pauses):
            raise NotApplicable("the driver does not advertise the talent pause")
        return driver

    def diagnoses(self, driver: Driver) -> Diagnoses:
        """The driver as one that measures guests; the check does not apply to others."""
        if "diagnostics" not in self.capabilities.talents or not isinstance(driver, Diagnoses):
            raise NotApplicable("the driver does not advertise the talent diagnostics")
        return driver


def paper_nic(guest_id: str) -> Nic:
    """A network interface for a driver that needs no tap device."""
    return Nic(port_id=guest_id, mac="fa:16:3e:00:00:01", tap=f"tap{guest_id[:8]}")
