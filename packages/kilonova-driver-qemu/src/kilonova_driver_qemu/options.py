"""The driver's own settings, read once from ``DriverSettings.options`` (strings) into a typed structure.

An unknown or unreadable option is refused at once, with its name: a typing error must not pass in silence.
"""

from __future__ import annotations

import shutil
from typing import Literal

import msgspec
from kilonova_driver.errors import InvalidSpec


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every option with its default. Sizes carry their unit in the name."""

    qemu_binary: str = "qemu-system-x86_64"
    qemu_img_binary: str = "qemu-img"
    #: ``auto`` asks the boot-sector probe; the other two skip it.
    accelerator: Literal["auto", "kvm", "tcg"] = "auto"
    machine: str = "pc"
    #: Empty: ``host`` under KVM, ``max`` under TCG.
    cpu_model: str = ""
    #: The translation cache of each guest under TCG.
    tcg_buffer_mib: int = 32
    sandbox: bool = True
    #: A guest's console log is cut back when it grows beyond this; as much again is kept of what was before.
    console_log_bytes: int = 1 << 20
    #: How long a new process may take until it answers on its monitor.
    start_seconds: float = 30.0


def read_options(options: dict[str, str]) -> Options:
    """Read the strings of a settings table. Raises InvalidSpec naming the option that is wrong."""
    try:
        return msgspec.convert(options, Options, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSpec(f"settings of the qemu driver: {error}") from error


def find_program(name: str) -> str | None:
    """Give the absolute path of a program, also when PATH lacks the system directories; None if it is not there."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
