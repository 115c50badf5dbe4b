"""What goes wrong on a host gives a reason of the right kind, and the rest goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.errors import Conflict, Internal, InvalidSpec, NoResources, Stale, Transient
from kilonova_driver.types.guests import (
    BaseImage,
    Disk,
    DiskFormat,
    Feature,
    GuestSpec,
    HandedDevice,
    Power,
)
from kilonova_driver.types.settings import DriverSettings
from kilonova_driver_qemu import launching
from kilonova_driver_qemu.console import console_tail, cut
from kilonova_driver_qemu.driver import QemuDriver
from kilonova_driver_qemu.layout import GuestFiles
from kilonova_driver_qemu.process import find_holder, is_locked

pytestmark = pytest.mark.guest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which needs root")


def home(bench: Any, spec: GuestSpec) -> Path:
    return Path(bench.settings.state_dir) / "guests" / spec.guest_id


def copy_with_bad_header(source: Path, target: Path) -> None:
    content = bytearray(source.read_bytes())
    content[100:104] = (3).to_bytes(4, "big")  # the length of the header
    target.write_bytes(content)


def kill_child(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def disk_info(path: Path) -> str:
    command = ["qemu-img", "info", "-f", "qcow2", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def writable_files(pid: int) -> set[str]:
    """Name the regular files that a process has open for writing."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        flags = int(Path(f"/proc/{pid}/fdinfo/{link.name}").read_text().split("flags:")[1].split()[0], 8)
        if flags & os.O_ACCMODE and link.readlink().is_absolute() and link.readlink().is_file():
            found.add(link.readlink().name)
    return found


def user_ids(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().split("Uid:")[1].split()[:4]


async def test_without_qemu_a_guest_is_refused_with_the_way_to_mend_it(bench: Any, blank_spec: GuestSpec) -> None:
    driver = await bench.driver(qemu_binary="qemu-system-of-nowhere")
    with pytest.raises(Internal, match="apt install qemu-system-x86"):
        await bench.built(driver, blank_spec)
    guest = await driver.get_guest(blank_spec.guest_id)
    assert guest.power is Power.OFF


async def test_without_qemu_img_a_guest_is_refused_with_the_way_to_mend_it(bench: Any, blank_spec: GuestSpec) -> None:
    driver = await bench.driver(qemu_img_binary="qemu-img-of-nowhere")
    with pytest.raises(Internal, match="apt install qemu-utils"):
        await bench.built(driver, blank_spec)


async def test_a_broken_image_is_an_invalid_spec(bench: Any, blank_spec: GuestSpec, tmp_path: Path) -> None:
    path = tmp_path / "broken.qcow2"
    path.write_bytes(b"QFI\xfb" + bytes(4096))
    base = BaseImage(path=str(path), format=DiskFormat.QCOW2, digest="1", virtual_size_bytes=1 << 20)
    disk = Disk(name="root", size_gib=1, base=base, boot_index=0)
    driver = await bench.driver()
    with pytest.raises(InvalidSpec, match="version 0"):
        await bench.built(driver, msgspec.structs.replace(blank_spec, disks=(disk,)))


async def test_an_image_that_only_qemu_finds_broken_is_an_invalid_spec(
    bench: Any, blank_spec: GuestSpec, tiny_image: BaseImage, tmp_path: Path
) -> None:
    path = tmp_path / "subtly.qcow2"
    copy_with_bad_header(Path(tiny_image.path), path)
    disk = Disk(name="root", size_gib=1, base=msgspec.structs.replace(tiny_image, path=str(path)), boot_index=0)
    driver = await bench.driver()
    spec = msgspec.structs.replace(blank_spec, disks=(disk,))
    with pytest.raises(InvalidSpec, match="header"):
        await bench.built(driver, spec)
    assert "header" in (await driver.get_guest(spec.guest_id)).reason


async def test_a_qemu_that_cannot_have_its_memory_means_no_resources(bench: Any, blank_spec: GuestSpec) -> None:
    driver = await bench.driver()
    with pytest.raises(NoResources, match="allocate memory"):
        await bench.built(driver, msgspec.structs.replace(blank_spec, memory_mib=900_000_000))


async def test_a_guest_of_another_process_is_never_started_twice(bench: Any, blank_spec: GuestSpec) -> None:
    first = await bench.driver()
    await bench.built(first, blank_spec)
    record = home(bench, blank_spec) / "record.json"
    lock = home(bench, blank_spec) / "lock"
    pid = find_holder(lock)
    record.unlink()
    await first.close()
    second = await bench.driver()
    found = await second.get_guest(blank_spec.guest_id)
    assert found.power is Power.ON
    await bench.built(second, blank_spec)
    assert find_holder(lock) == pid


async def test_a_guest_with_no_monitor_left_can_still_be_removed(bench: Any, blank_spec: GuestSpec) -> None:
    first = await bench.driver()
    await bench.built(first, blank_spec)
    await first.close()
    (home(bench, blank_spec) / "qmp.sock").unlink()
    second = await bench.driver()
    await second.remove_guest(bench.order(), blank_spec.guest_id)
    assert not home(bench, blank_spec).exists()


async def test_a_crash_of_qemu_has_its_signal_as_reason_and_a_new_driver_knows_it(
    bench: Any, blank_spec: GuestSpec, wait_until: Any
) -> None:
    driver = await bench.driver()
    await bench.built(driver, blank_spec)
    pid = find_holder(home(bench, blank_spec) / "lock")
    assert pid is not None
    os.kill(pid, signal.SIGSEGV)

    async def crashed() -> bool:
        return (await driver.get_guest(blank_spec.guest_id)).power is Power.CRASHED

    await wait_until(crashed)
    assert "SIGSEGV" in (await driver.get_guest(blank_spec.guest_id)).reason
    await driver.close()
    again = await bench.driver()
    assert "SIGSEGV" in (await again.get_guest(blank_spec.guest_id)).reason


async def test_a_stop_that_died_with_its_driver_does_not_hide_a_crash_later(
    bench: Any, blank_spec: GuestSpec, wait_until: Any
) -> None:
    first = await bench.driver()
    await bench.built(first, blank_spec)
    guest = first._guests[blank_spec.guest_id]
    guest._note(expected_end=True)  # as a stop does before it asks the guest, which takes its time
    await first.close()
    second = await bench.driver()
    pid = find_holder(home(bench, blank_spec) / "lock")
    assert pid is not None
    os.kill(pid, signal.SIGSEGV)

    async def ended() -> bool:
        return (await second.get_guest(blank_spec.guest_id)).power is not Power.ON

    await wait_until(ended)
    assert (await second.get_guest(blank_spec.guest_id)).power is Power.CRASHED


async def test_a_guest_that_qemu_halted_for_good_is_started_again(bench: Any, blank_spec: GuestSpec) -> None:
    driver = await bench.driver()
    first = await bench.built(driver, blank_spec)
    driver._guests[blank_spec.guest_id].need_running().status = "internal-error"
    assert (await driver.get_guest(blank_spec.guest_id)).power is Power.CRASHED
    again = await driver.set_power(bench.order(), blank_spec.guest_id, PowerTarget.ON, Mode.FORCE, 1)
    assert (again.power, again.reason) == (Power.ON, "")
    assert again.started_at > first.started_at


async def test_devices_are_taken_back_when_the_guest_cannot_be_started(
    bench: Any, blank_spec: GuestSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bus:
        def __init__(self) -> None:
            self.given = 0

        def prepare(self, devices: Any, _run_as: Any) -> None:
            self.given += len(devices)

        def release(self, devices: Any) -> None:
            self.given = 0

    bus = Bus()
    monkeypatch.setattr(launching, "BUS", bus)
    driver = await bench.driver()
    driver._features |= {Feature.DEVICES.value}
    spec = msgspec.structs.replace(blank_spec, devices=(HandedDevice(address="0000:3b:00.0"),))
    await driver.ensure_guest(bench.order(), blank_spec, PowerTarget.OFF)
    (home(bench, blank_spec) / "disks/root.qcow2").unlink()
    with pytest.raises(Internal, match="cannot be opened"):
        await driver.ensure_guest(bench.order(), spec, PowerTarget.ON)
    assert bus.given == 0


async def test_after_a_restart_of_the_host_guests_are_off(bench: Any, blank_spec: GuestSpec) -> None:
    driver = await bench.driver()
    await bench.built(driver, blank_spec)
    await driver.close()
    record = home(bench, blank_spec) / "record.json"
    pid = find_holder(home(bench, blank_spec) / "lock")
    assert pid is not None
    kill_child(pid)
    content = msgspec.json.decode(record.read_bytes())
    content["process"]["boot_id"] = str(uuid.uuid4())
    record.write_bytes(msgspec.json.encode(content))
    again = await bench.driver()
    guest = await again.get_guest(blank_spec.guest_id)
    assert guest.power is Power.OFF
    assert "restarted" in guest.reason


async def test_disks_grow_but_never_shrink(bench: Any, blank_spec: GuestSpec) -> None:
    driver = await bench.driver()
    await bench.built(driver, blank_spec)
    for size in (2, 3):
        disks = (msgspec.structs.replace(blank_spec.disks[0], size_gib=size),)
        larger = msgspec.structs.replace(blank_spec, disks=disks)
        power = PowerTarget.ON if size == 2 else PowerTarget.OFF
        await driver.ensure_guest(bench.order(), larger, power)
    await driver.set_power(bench.order(), blank_spec.guest_id, PowerTarget.OFF, Mode.FORCE, 1)
    shown = disk_info(home(bench, blank_spec) / "disks/root.qcow2")
    assert "3 GiB" in shown
    with pytest.raises(Conflict, match="shrink"):
        await driver.ensure_guest(bench.order(), blank_spec, PowerTarget.OFF)


async def test_a_late_order_for_a_removed_guest_is_refused_by_a_new_driver_too(
    bench: Any, blank_spec: GuestSpec
) -> None:
    late = bench.order()
    driver = await bench.driver()
    await bench.built(driver, blank_spec)
    await driver.remove_guest(bench.order(), blank_spec.guest_id)
    await driver.close()
    again = await bench.driver()
    with pytest.raises(Stale):
        await again.ensure_guest(late, blank_spec, PowerTarget.ON)


@pytest.fixture
def small_disk(settings: DriverSettings) -> Iterator[Path]:
    """Put the state directory on a file system of 4 MiB."""
    path = Path(settings.state_dir)
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(path: Path) -> Path:
    ballast = path / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast
    raise AssertionError("the disk did not fill")


@needs_root
async def test_a_full_disk_is_a_reason_and_the_order_succeeds_when_there_is_room(
    small_disk: Path, bench: Any, blank_spec: GuestSpec
) -> None:
    driver = await bench.driver()
    ballast = fill(small_disk)
    with pytest.raises(NoResources):
        await bench.built(driver, blank_spec)
    ballast.unlink()
    guest = await bench.built(driver, blank_spec)
    assert guest.power is Power.ON


@needs_root
async def test_on_a_full_disk_guests_can_be_stopped_and_removed(
    small_disk: Path, bench: Any, blank_spec: GuestSpec
) -> None:
    driver: QemuDriver = await bench.driver()
    await bench.built(driver, blank_spec)
    fill(small_disk)
    off = await driver.set_power(bench.order(), blank_spec.guest_id, PowerTarget.OFF, Mode.FORCE, 1)
    assert off.power is Power.OFF
    await driver.remove_guest(bench.order(), blank_spec.guest_id)
    assert not home(bench, blank_spec).exists()


async def test_the_process_can_write_only_its_own_disks(
    bench: Any, tiny_spec: GuestSpec, tiny_image: BaseImage
) -> None:
    driver = await bench.driver()
    await bench.built(driver, tiny_spec)
    pid = find_holder(home(bench, tiny_spec) / "lock")
    assert pid is not None
    assert writable_files(pid) == {"root.qcow2", "console.log", "qemu.log", "lock"}
    if os.geteuid() == 0:
        assert user_ids(pid) == ["65534"] * 4
    assert is_locked(home(bench, tiny_spec) / "lock")


async def test_a_console_that_grows_is_cut_and_keeps_its_end(bench: Any, blank_spec: GuestSpec) -> None:
    driver = await bench.driver()
    await bench.built(driver, blank_spec)
    files = GuestFiles(home(bench, blank_spec))
    with files.console.open("ab") as console:
        console.write(b"x" * 5000 + b"the end")
    cut(files, 1000)
    assert files.console.stat().st_size == 0
    assert console_tail(files, 100).endswith(b"the end")
    assert len(console_tail(files, 1 << 20)) == 1000


async def test_an_order_that_the_close_cuts_short_is_answered(bench: Any, blank_spec: GuestSpec) -> None:
    driver = await bench.driver()
    building = asyncio.create_task(bench.built(driver, blank_spec))
    await asyncio.sleep(0)
    await driver.close()
    with pytest.raises(Transient):
        await building
