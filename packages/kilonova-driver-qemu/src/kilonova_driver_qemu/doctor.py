"""What the driver needs of its host, and how to mend what is missing: for a person, one line each."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from kilonova_driver.errors import DriverError

from kilonova_driver_qemu.accelerator import KVM_DEVICE, kvm_groups, probe_accelerator, qemu_version
from kilonova_driver_qemu.launching import rights_dropper
from kilonova_driver_qemu.options import find_program

OLDEST_QEMU = (7, 0, 0)
#: Whose rights guests have no more of, where root starts them.
_NOBODY = (65534, 65534)


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the driver needs: ``mend`` says what to do when it is not ok, or could be better."""

    name: str
    ok: bool
    found: str
    mend: str = ""


def host_requirements(*, probe: bool = True) -> tuple[Requirement, ...]:
    """Check this host; ``probe`` False leaves out the accelerator, which takes seconds."""
    found = (
        _qemu(),
        _program("qemu-img", "apt-get install -y qemu-utils"),
        _program("prlimit", "apt-get install -y util-linux"),
        _program("setpriv", "apt-get install -y util-linux"),
        _tun(),
    )
    return (*found, accelerator_requirement()) if probe else found


def _program(name: str, mend: str) -> Requirement:
    path = find_program(name)
    return Requirement(name=name, ok=path is not None, found=path or "not found", mend="" if path else mend)


def _qemu() -> Requirement:
    name, path = "qemu-system-x86_64", find_program("qemu-system-x86_64")
    if path is None:
        return Requirement(name=name, ok=False, found="not found", mend="apt-get install -y qemu-system-x86")
    try:
        version = qemu_version(path)
    except DriverError as error:
        return Requirement(
            name=name, ok=False, found=error.message, mend="apt-get install -y --reinstall qemu-system-x86"
        )
    ok, words = version >= OLDEST_QEMU, ".".join(map(str, version))
    return Requirement(name=name, ok=ok, found=f"{path} {words}", mend="" if ok else "install QEMU 7.0 or newer")


def _tun() -> Requirement:
    device = Path("/dev/net/tun")
    ok = os.access(device, os.R_OK | os.W_OK)
    found = "usable" if ok else "not usable by this user" if device.exists() else "not found"
    mend = "" if ok else f"chmod 0666 {device}" if device.exists() else "modprobe tun"
    return Requirement(name=str(device), ok=ok, found=found, mend=mend)


def accelerator_requirement() -> Requirement:
    """Say what guests will run on, as whom root has them run; TCG is slow but well."""
    try:
        found = probe_accelerator(dropper=rights_dropper(_NOBODY if os.geteuid() == 0 else None, kvm_groups()))
    except DriverError as error:
        return Requirement(name="accelerator", ok=False, found=error.message, mend="install QEMU first")
    hint = "" if found.kind == "kvm" else "guests are emulated; for speed run on a host with a working KVM"
    if "Permission denied" in found.reason:
        hint = f"guests are emulated; for speed let them open it: chmod 0666 {KVM_DEVICE}"
    return Requirement(name="accelerator", ok=True, found=f"{found.kind}: {found.reason}", mend=hint)
