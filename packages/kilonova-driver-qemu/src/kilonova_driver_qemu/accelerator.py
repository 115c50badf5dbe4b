"""Find out whether KVM really runs guests here, by running one: a boot sector that ends QEMU with a known code.

A device node that opens, and a kernel that answers every question about it, prove nothing: there are hosts where
``/dev/kvm`` looks whole and a guest on it never executes an instruction. So two sectors are booted, one that stays in
real mode and one that goes on to 64-bit mode, each with a short time limit. The sectors are booted with the rights that
guests have: what opens for root may be closed to them. The answer is kept for this QEMU, these rights and this boot of
the host, since a probe that fails burns seconds of CPU time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Literal

import msgspec
from kilonova_driver.errors import Internal

from kilonova_driver_qemu.options import find_program
from kilonova_driver_qemu.process import boot_id
from kilonova_driver_qemu.record import write_atomically

log = logging.getLogger(__name__)

KVM_DEVICE = Path("/dev/kvm")
PROBE_SECONDS = 2.5
#: What the sectors write to the debug port; QEMU ends with (value << 1) | 1.
_WORD = 0x10
_EXIT_CODE = _WORD << 1 | 1
_LOAD_ADDRESS = 0x7C00


class Accelerator(msgspec.Struct, frozen=True, kw_only=True):
    """What guests will run on, and why."""

    kind: Literal["kvm", "tcg"]
    reason: str
    qemu_version: tuple[int, int, int]
    boot_id: str
    #: The command that gave up the rights which guests do not have.
    rights_dropper: tuple[str, ...] = ()
    #: How long the probe took; 0 when it was not needed.
    seconds: float = 0.0


def _sector(code: bytes) -> bytes:
    return code.ljust(510, b"\0") + b"\x55\xaa"


def real_mode_sector() -> bytes:
    """mov dx, 0xf4; mov al, 0x10; out dx, al; hlt; jmp $."""
    return _sector(bytes.fromhex("baf400 b010 ee f4 ebfd"))


def long_mode_sector() -> bytes:
    """Build page tables for the first 2 MiB, enter 64-bit mode, write the word there."""
    code = bytes.fromhex(
        "fa 31c0 8ed8 8ec0 8ed0 bc007c"  # cli; ds = es = ss = 0; sp = 0x7c00
        "bf0010 b90018 fc f3ab"  # zero three pages from 0x1000
        "c70600100320 c70600200330"  # first level: 0x2003; second level: 0x3003
        "c70600308300"  # third level: one page of 2 MiB at 0
        "0f20e0 6683c820 0f22e0"  # cr4 |= PAE
        "66b800100000 0f22d8"  # cr3 = 0x1000
        "66b9800000c0 0f32 660d00010000 0f30"  # EFER.LME
        "0f20c0 660d01000080 0f0116"  # eax = cr0 | PG | PE; lgdt [next word]
    )
    descriptor_table = _LOAD_ADDRESS + len(code) + 2 + 3 + 5 + 16
    code += descriptor_table.to_bytes(2, "little") + bytes.fromhex("0f22c0")  # cr0 = eax
    code += b"\xea" + (_LOAD_ADDRESS + len(code) + 5).to_bytes(2, "little") + b"\x08\x00"  # far jump to the next byte
    code += bytes.fromhex("66baf400 b010 ee f4 ebfd")
    code = code.ljust(descriptor_table - _LOAD_ADDRESS, b"\x90")
    table = _LOAD_ADDRESS + len(code) + 6
    code += (15).to_bytes(2, "little") + table.to_bytes(4, "little")
    return _sector(code + bytes(8) + bytes.fromhex("0000000000 9a2000"))


def qemu_version(program: str) -> tuple[int, int, int]:
    """Ask the binary for its version. Raises Internal when it does not run or says something else."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Internal(f"{program} does not run: {error}") from error
    return parse_version(said)


def parse_version(said: str) -> tuple[int, int, int]:
    """Read "QEMU emulator version 7.2.22 (...)". Raises Internal."""
    _, _, rest = said.partition("version ")
    parts = rest.split(maxsplit=1)[0].split(".") if rest.split() else []
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        raise Internal(f"QEMU's version is not readable in {said[:100]!r}")
    micro = parts[2] if len(parts) > 2 and parts[2].isdigit() else "0"
    return int(parts[0]), int(parts[1]), int(micro)


def kvm_groups() -> tuple[int, ...]:
    """The group whose members may use KVM here, as Debian's ``kvm``; never root's, which opens more than that."""
    try:
        found = KVM_DEVICE.stat()
    except OSError:
        return ()
    return (found.st_gid,) if found.st_gid and found.st_mode & 0o060 == 0o060 else ()


def boots(program: str, accelerator: str, sector: bytes, seconds: float, dropper: tuple[str, ...] = ()) -> str:
    """Boot a sector; the empty string means that it ran, anything else is why not."""
    with tempfile.NamedTemporaryFile(prefix="kilonova-probe-", suffix=".img") as image:
        image.write(sector)
        image.flush()
        Path(image.name).chmod(0o644)  # for whoever the dropper makes of us
        command = [
            *dropper,
            program,
            "-accel",
            accelerator,
            "-machine",
            "pc",
            "-m",
            "16",
            "-nodefaults",
            "-no-user-config",
        ]
        command += ["-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        command += ["-drive", f"file={image.name},format=raw,if=ide,snapshot=on"]
        try:
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return f"a guest on it made no progress within {seconds:g} seconds"
        except OSError as error:
            return f"{program} does not run: {error.strerror}"
    if ended.returncode == _EXIT_CODE:
        return ""
    return ended.stderr.decode(errors="replace").strip()[-300:] or f"QEMU ended with code {ended.returncode}"


def _try_kvm(program: str, seconds: float, dropper: tuple[str, ...]) -> str:
    try:
        os.close(os.open(KVM_DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{KVM_DEVICE}: {error.strerror}"
    for name, sector in (("real mode", real_mode_sector()), ("64-bit mode", long_mode_sector())):
        if trouble := boots(program, "kvm", sector, seconds, dropper):
            return f"{KVM_DEVICE} is there, but in {name} {trouble}"
    return ""


def probe_accelerator(
    binary: str = "qemu-system-x86_64", seconds: float = PROBE_SECONDS, dropper: tuple[str, ...] = ()
) -> Accelerator:
    """Decide between KVM and TCG by experiment; blocks for up to twice ``seconds``. Raises Internal without QEMU."""
    program = find_program(binary)
    if program is None:
        raise Internal(f"{binary} is not installed (apt install qemu-system-x86)")
    version, began = qemu_version(program), time.monotonic()
    trouble = _try_kvm(program, seconds, dropper)
    took = round(time.monotonic() - began, 3)
    reason = trouble or "a guest on KVM booted into 64-bit mode"
    kind: Literal["kvm", "tcg"] = "tcg" if trouble else "kvm"
    return Accelerator(
        kind=kind, reason=reason, qemu_version=version, boot_id=boot_id(), rights_dropper=dropper, seconds=took
    )


def choose_accelerator(
    binary: str, wished: Literal["auto", "kvm", "tcg"], cache: Path, dropper: tuple[str, ...] = ()
) -> Accelerator:
    """Give what the settings say, else what was found before on this boot, else what a probe finds. Raises Internal."""
    program = find_program(binary)
    if program is None:
        raise Internal(f"{binary} is not installed (apt install qemu-system-x86)")
    version = qemu_version(program)
    if wished != "auto":
        return Accelerator(kind=wished, reason="chosen by the settings", qemu_version=version, boot_id=boot_id())
    known = _read(cache)
    here = (version, boot_id(), dropper)
    if known is not None and (known.qemu_version, known.boot_id, known.rights_dropper) == here:
        return known
    found = probe_accelerator(binary, dropper=dropper)
    log.info("guests run on %s: %s", found.kind, found.reason)
    with contextlib.suppress(OSError):
        write_atomically(cache, msgspec.json.encode(found))
    return found


def _read(cache: Path) -> Accelerator | None:
    try:
        return msgspec.json.decode(cache.read_bytes(), type=Accelerator)
    except (OSError, msgspec.DecodeError):
        return None
