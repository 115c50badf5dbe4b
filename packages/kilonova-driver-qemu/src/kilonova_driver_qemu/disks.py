"""The local disks of a guest: qcow2 files over read-only bases, made and grown by ``qemu-img``.

Invariants:
- A disk file appears under its name only when it is whole (made beside, then renamed): what exists need not be made.
- ``qemu-img`` never opens a base image (``-u``): the bytes of a stranger are read only by the guest's own
  unprivileged process. Here only the fixed header of a base is looked at.
- Every name given to ``qemu-img`` is ``file:`` and absolute, every format is said, and its memory and time are limited.
- Of a disk that a guest has written, whose process may have been taken over, nothing is followed that its header names.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
from pathlib import Path

from kilonova_driver.errors import Internal, InvalidSpec, NoResources
from kilonova_driver.types.guests import BaseImage, Disk, DiskFormat

from kilonova_driver_qemu.failures import explain
from kilonova_driver_qemu.options import find_program

MIB = 1 << 20
GIB = 1 << 30
_LIMITS = ("--as=1073741824", "--cpu=30")
_QCOW2_HEADER = struct.Struct(">4sIQIIQ")
_EXTERNAL_DATA_FILE = 1 << 2


def disk_bytes(disk: Disk) -> int:
    """Give the size the guest shall see, in bytes, a multiple of 512. Raises InvalidSpec."""
    size = disk.size_gib * GIB or disk.size_mib * MIB
    if disk.base is None:
        if size <= 0:
            raise InvalidSpec(f"disk {disk.name}: a blank disk needs a size")
        return size
    need = -(-disk.base.virtual_size_bytes // 512) * 512
    if size and size < need:
        raise InvalidSpec(f"disk {disk.name}: {size} bytes are smaller than its image, which has {need}")
    return size or need


def check_base(base: BaseImage) -> None:
    """Look at a base image's header. Raises InvalidSpec when it is not what the spec says or points elsewhere."""
    try:
        with Path(base.path).open("rb") as file:
            header = file.read(80)
            length = file.seek(0, 2)
    except OSError as error:
        raise Internal(f"image {base.path} cannot be read: {error.strerror}") from error
    if base.format is DiskFormat.RAW:
        if length < base.virtual_size_bytes:
            raise InvalidSpec(f"image {base.path} has {length} bytes, not {base.virtual_size_bytes}")
        return
    _check_qcow2(base, header)


def _check_qcow2(base: BaseImage, header: bytes) -> None:
    if len(header) < 80 or header[:4] != b"QFI\xfb":
        raise InvalidSpec(f"image {base.path} is not a qcow2 file")
    _, version, backing, _, _, size = _QCOW2_HEADER.unpack_from(header)
    (incompatible,) = struct.unpack_from(">Q", header, 72)
    if version not in (2, 3):
        raise InvalidSpec(f"image {base.path} has the unknown qcow2 version {version}")
    if backing or (version == 3 and incompatible & _EXTERNAL_DATA_FILE):
        raise InvalidSpec(f"image {base.path} points to another file")
    if size != base.virtual_size_bytes:
        raise InvalidSpec(f"image {base.path} holds {size} bytes, not {base.virtual_size_bytes}")


async def make_disk(qemu_img: str, path: Path, disk: Disk) -> None:
    """Make a disk's file if it is not there; its directory is. Raises InvalidSpec, NoResources, Internal."""
    size, half = disk_bytes(disk), path.with_suffix(".part")
    if disk.base is not None:
        check_base(disk.base)
    if _is_there(path, half):
        return
    backing = () if disk.base is None else ("-u", "-b", _file_name(Path(disk.base.path)), "-F", disk.base.format)
    await _qemu_img(qemu_img, "create", "-q", "-f", "qcow2", *backing, _file_name(half), str(size))
    _put_in_place(half, path)


def _is_there(path: Path, half: Path) -> bool:
    half.unlink(missing_ok=True)
    return path.exists()


def _file_name(path: Path) -> str:
    return f"file:{path.absolute()}"


def _put_in_place(half: Path, path: Path) -> None:
    half.chmod(0o600)
    half.rename(path)


async def grow_disk(qemu_img: str, path: Path, size: int) -> None:
    """Make a disk of a stopped guest larger. Raises NoResources, Internal."""
    _refuse_data_file(path)
    await _qemu_img(qemu_img, "resize", "-q", _alone(path), str(size))


def _alone(path: Path) -> str:
    """A disk without its base, whatever its header says of one."""
    file = {"driver": "file", "filename": str(path.absolute())}
    return "json:" + json.dumps({"driver": "qcow2", "file": file, "backing": None})


def _refuse_data_file(path: Path) -> None:
    """Raises Internal for a disk that names another file as the place of its data: there is no way to leave it shut."""
    try:
        with path.open("rb") as file:
            header = file.read(80)
    except OSError as error:
        raise Internal(f"disk {path} cannot be read: {error.strerror}") from error
    if len(header) < 80 or struct.unpack_from(">Q", header, 72)[0] & _EXTERNAL_DATA_FILE:
        raise Internal(f"disk {path} is not as it was made: its header names another file, or is none")


async def _qemu_img(binary: str, *arguments: str) -> None:
    program, limiter = find_program(binary), find_program("prlimit")
    if program is None:
        raise Internal(f"{binary} is not installed (apt install qemu-utils)")
    command = (limiter, *_LIMITS, "--", program, *arguments) if limiter else (program, *arguments)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        )
    except BlockingIOError as error:
        raise NoResources(f"the host cannot start another process: {error}") from error
    _, complaint = await process.communicate()
    if process.returncode:
        raise explain(complaint.decode(errors="replace"), f"qemu-img {arguments[0]}")
