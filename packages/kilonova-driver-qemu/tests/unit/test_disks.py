"""Sizes, headers of base images, and what of a guest may change."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import msgspec
import pytest
from kilonova_driver.errors import Conflict, Internal, InvalidSpec
from kilonova_driver.types.guests import BaseImage, Disk, DiskFormat, GuestSpec
from kilonova_driver_qemu.changes import check_change
from kilonova_driver_qemu.disks import check_base, disk_bytes, grow_disk

GIB = 1 << 30
BASE = BaseImage(path="/b", format=DiskFormat.RAW, digest="1", virtual_size_bytes=3 * GIB + 1)


def qcow2(path: Path, *, version: int = 3, backing: int = 0, size: int = GIB, incompatible: int = 0) -> BaseImage:
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", version, backing, 0, 16, size)
    path.write_bytes(header.ljust(72, b"\0") + struct.pack(">Q", incompatible) + bytes(32))
    return BaseImage(path=str(path), format=DiskFormat.QCOW2, digest="1", virtual_size_bytes=GIB)


@pytest.mark.parametrize(
    ("disk", "size"),
    [
        (Disk(name="root", base=BASE), 3 * GIB + 512),
        (Disk(name="root", size_gib=4, base=BASE), 4 * GIB),
        (Disk(name="swap", size_mib=5), 5 << 20),
    ],
)
def test_a_disk_has_the_size_wished_for_or_its_images(disk: Disk, size: int) -> None:
    assert disk_bytes(disk) == size


@pytest.mark.parametrize("disk", [Disk(name="root", size_gib=3, base=BASE), Disk(name="blank")])
def test_a_disk_too_small_for_its_image_or_without_a_size_is_invalid(disk: Disk) -> None:
    with pytest.raises(InvalidSpec):
        disk_bytes(disk)


def test_a_whole_qcow2_header_passes(tmp_path: Path) -> None:
    check_base(qcow2(tmp_path / "good"))


@pytest.mark.parametrize(
    "trick", [{"version": 9}, {"backing": 104}, {"size": 2 * GIB}, {"incompatible": 1 << 2}], ids=str
)
def test_a_tricky_qcow2_header_is_refused(trick: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec):
        check_base(qcow2(tmp_path / "bad", **trick))


async def test_a_grown_disk_is_not_asked_where_its_base_is(tmp_path: Path) -> None:
    disk = tmp_path / "root.qcow2"
    command = ["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", "file:/nowhere", "-F", "raw", str(disk), "1M"]
    subprocess.run(command, check=True)  # noqa: ASYNC221
    await grow_disk("qemu-img", disk, 2 << 20)
    assert struct.unpack_from(">Q", disk.read_bytes(), 24) == (2 << 20,)
    assert b"file:/nowhere" in disk.read_bytes()


async def test_a_disk_whose_header_was_made_to_name_another_file_is_not_grown(tmp_path: Path) -> None:
    qcow2(tmp_path / "disk", incompatible=1 << 2)
    with pytest.raises(Internal, match="names another file"):
        await grow_disk("qemu-img", tmp_path / "disk", 2 * GIB)


def test_a_raw_file_that_is_shorter_than_said_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"x")
    with pytest.raises(InvalidSpec):
        check_base(msgspec.structs.replace(BASE, path=str(tmp_path / "raw")))


def test_an_image_that_is_not_there_is_not_the_specs_fault() -> None:
    with pytest.raises(Internal):
        check_base(msgspec.structs.replace(BASE, path="/nowhere/at/all"))


SPEC = GuestSpec(guest_id="g", name="n", vcpus=1, memory_mib=64, disks=(Disk(name="root", size_gib=4, base=BASE),))


def changed(**changes: object) -> GuestSpec:
    return msgspec.structs.replace(SPEC, **changes)


def with_disk(**changes: object) -> GuestSpec:
    return changed(disks=(msgspec.structs.replace(SPEC.disks[0], **changes),))


def test_a_larger_disk_grows_and_the_same_one_does_not() -> None:
    assert [disk.size_gib for disk in check_change(SPEC, with_disk(size_gib=5), runs=True)] == [5]
    assert check_change(SPEC, SPEC, runs=True) == ()


def test_an_image_that_moved_in_the_cache_is_still_the_same_base() -> None:
    moved = with_disk(base=msgspec.structs.replace(BASE, path="/elsewhere"))
    assert check_change(SPEC, moved, runs=False) == ()


@pytest.mark.parametrize(
    "wished",
    [
        changed(disks=()),
        with_disk(name="other"),
        with_disk(bus="scsi"),
        with_disk(base=None),
        with_disk(base=msgspec.structs.replace(BASE, digest="2")),
        with_disk(base=msgspec.structs.replace(BASE, virtual_size_bytes=1), size_gib=1),
    ],
)
def test_disks_are_a_guests_identity(wished: GuestSpec) -> None:
    with pytest.raises(Conflict):
        check_change(SPEC, wished, runs=False)


def test_the_machine_changes_only_while_the_guest_is_off() -> None:
    wished = changed(vcpus=2, memory_mib=128)
    assert check_change(SPEC, wished, runs=False) == ()
    with pytest.raises(Conflict, match="vcpus, memory_mib"):
        check_change(SPEC, wished, runs=True)
