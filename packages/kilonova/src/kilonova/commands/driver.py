"""``kilonova driver``: name the installed drivers, and hold one against the contract."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

import click
from kilonova_driver.types.guests import BaseImage, DiskFormat


@click.group("driver")
def command() -> None:
    """Name the drivers, and check one against the contract."""


@command.command("list")
def list_drivers() -> None:
    """Name the drivers that are installed."""
    from kilonova_driver.loading import driver_names

    for name in driver_names():
        click.echo(name)


@command.command("check")
@click.argument("name")
@click.option("--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A qcow2 image that boots.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="A setting of the driver's own.")
def check(name: str, image: Path | None, options: tuple[str, ...]) -> None:
    """Run the conformance kit on the driver NAME (also module:callable, or /file.py:callable)."""
    from kilonova_driver.conformance.run import check_driver
    from kilonova_driver.conformance.verdicts import CheckResult, Outcome
    from kilonova_driver.types.settings import DriverSettings

    counts: Counter[Outcome] = Counter()

    def report(result: CheckResult) -> None:
        counts[result.outcome] += 1
        click.echo(f"{result.outcome.value:15} {result.seconds:6.2f} s  {result.sentence}  {result.detail}".rstrip())

    with tempfile.TemporaryDirectory(prefix="kilonova-check-") as folder:
        given = dict(option.partition("=")[::2] for option in options)
        settings = DriverSettings(state_dir=folder, host_name="check", options=given)
        good = asyncio.run(check_driver(name, settings, image=_base(image), report=report))
    click.echo(", ".join(f"{count} {outcome.value}" for outcome, count in counts.items()))
    raise SystemExit(0 if good else 1)


def _base(image: Path | None) -> BaseImage | None:
    """The image as a driver gets it: verified, by content."""
    import hashlib

    if image is None:
        return None
    with image.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").hexdigest()
        file.seek(24)
        size = int.from_bytes(file.read(8), "big")  # a qcow2 header holds the virtual size at byte 24
    return BaseImage(path=str(image.absolute()), format=DiskFormat.QCOW2, digest=digest, virtual_size_bytes=size)
