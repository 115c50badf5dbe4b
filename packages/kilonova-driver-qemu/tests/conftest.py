"""What the tests share: the tiny guest image, specs made of it, and a driver that leaves nothing behind."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import json
import os
import struct
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pycdlib
import pytest
from kilonova_driver.driver import PowerTarget
from kilonova_driver.types.guests import BaseImage, Disk, DiskFormat, Guest, GuestSpec
from kilonova_driver.types.orders import Order
from kilonova_driver.types.settings import DriverSettings
from kilonova_driver_qemu.driver import QemuDriver

LAST_GENERATION = 1_000_000
_generations = itertools.count(1)


@pytest.fixture(scope="session")
def tiny_image(tiny_image_path: Path) -> BaseImage:
    content = tiny_image_path.read_bytes()
    (size,) = struct.unpack_from(">Q", content, 24)
    digest = hashlib.sha512(content).hexdigest()
    return BaseImage(path=str(tiny_image_path), format=DiskFormat.QCOW2, digest=digest, virtual_size_bytes=size)


@pytest.fixture
def settings(tmp_path: Path) -> DriverSettings:
    """Settings of a driver under emulation, with unprivileged guests where the tests are root."""
    run_as = (65534, 65534) if os.geteuid() == 0 else None
    state_dir = str(tmp_path / "state")
    return DriverSettings(state_dir=state_dir, host_name="check", run_as=run_as, options={"accelerator": "tcg"})


class Bench:
    """Makes drivers and orders, and removes every guest in the end."""

    def __init__(self, settings: DriverSettings) -> None:
        self.settings = settings
        self._drivers: list[QemuDriver] = []

    async def driver(self, **options: str) -> QemuDriver:
        settings = msgspec.structs.replace(self.settings, options={**self.settings.options, **options})
        driver = QemuDriver(settings)
        self._drivers.append(driver)
        await driver.start()
        return driver

    def order(self) -> Order:
        return Order(operation_id=str(uuid.uuid4()), generation=next(_generations))

    async def built(self, driver: QemuDriver, spec: GuestSpec) -> Guest:
        return await driver.ensure_guest(self.order(), spec, PowerTarget.ON)

    async def close(self) -> None:
        for driver in self._drivers:
            await driver.close()
        last = QemuDriver(self.settings)
        await last.start()
        for guest in await last.list_guests():
            order = Order(operation_id=str(uuid.uuid4()), generation=LAST_GENERATION)
            await last.remove_guest(order, guest.guest_id)
        await last.close()


@pytest.fixture
async def bench(settings: DriverSettings) -> AsyncIterator[Bench]:
    bench = Bench(settings)
    yield bench
    await bench.close()


@pytest.fixture
def blank_spec() -> GuestSpec:
    """A guest with nothing to boot: its process runs, which is enough for most tests."""
    disks = (Disk(name="root", size_gib=1, boot_index=0),)
    return GuestSpec(guest_id=str(uuid.uuid4()), name="blank", vcpus=1, memory_mib=64, disks=disks)


@pytest.fixture
def tiny_spec(tiny_image: BaseImage) -> GuestSpec:
    disks = (Disk(name="root", size_gib=1, base=tiny_image, boot_index=0),)
    return GuestSpec(guest_id=str(uuid.uuid4()), name="tiny", vcpus=1, memory_mib=128, disks=disks)


async def eventually(truth: Callable[[], Awaitable[bool]], seconds: float = 120) -> None:
    """Look again and again until it is so."""
    async with asyncio.timeout(seconds):
        while not await truth():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.05)


@pytest.fixture
def until_console_says() -> Callable[[QemuDriver, str, str], Awaitable[str]]:
    async def wait(driver: QemuDriver, guest_id: str, words: str) -> str:
        async def said() -> bool:
            return words.encode() in await driver.console_log(guest_id, 1 << 20)

        await eventually(said)
        return (await driver.console_log(guest_id, 1 << 20)).decode(errors="replace")

    return wait


@pytest.fixture
def wait_until() -> Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]:
    return eventually


@pytest.fixture
def write_config_drive() -> Callable[..., Path]:
    """Write an ISO 9660 file labelled config-2."""

    def write(path: Path, **files: object) -> Path:
        iso = pycdlib.PyCdlib()
        iso.new(interchange_level=4, joliet=3, rock_ridge="1.09", vol_ident="config-2")
        for directory in ("/openstack", "/openstack/latest"):
            name = directory.rpartition("/")[2]
            iso.add_directory(directory, rr_name=name, joliet_path=directory)
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            name = name if name == "user_data" else f"{name}.json"
            place = f"/openstack/latest/{name}"
            iso.add_fp(io.BytesIO(data), len(data), place, rr_name=name, joliet_path=place)
        iso.write(str(path))
        iso.close()
        return path

    return write
