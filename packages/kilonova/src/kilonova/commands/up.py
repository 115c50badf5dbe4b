"""``kilonova up``: start a cloud on this machine, with what was said the last time where nothing else is said."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import click
import msgspec
from kilonova_kit.processes import read_mark

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder, CloudState, last_line
from kilonova.cloud.serving import check_address, check_tls
from kilonova.commands.options import data_option

_READY_SECONDS = 120.0

LogFormat = Literal["text", "json"]


@click.command("up")
@data_option
@click.option("--listen", metavar="HOST:PORT", help="Where the cloud answers.  [default: 127.0.0.1:8774]")
@click.option("--public-url", metavar="URL", help="What the catalog and links say, for a proxy in front.")
@click.option("--driver", help="The driver of this machine's hosts: qemu or fake.  [default: qemu]")
@click.option("--hosts", type=click.IntRange(0, 10_000), help="How many hosts to run on this machine.  [default: 1]")
@click.option("--cells", type=click.IntRange(1, 100), help="How many cells beside cell0.  [default: 1]")
@click.option("--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The image `tiny` (qcow2).")
@click.option("--private-cidr", help="The range of the network `private`.  [default: a free one]")
@click.option("--tls-certificate", "certificate", type=click.Path(exists=True, dir_okay=False), help="PEM; serve TLS.")
@click.option("--tls-key", "key", type=click.Path(exists=True, dir_okay=False), help="PEM; the certificate's key.")
@click.option("--reset-passwords", is_flag=True, help="Give admin and demo the passwords of clouds.yaml again.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--detach", is_flag=True, help="Return when it is ready, and leave it running.")
def command(
    folder: CloudFolder,
    image: Path | None,
    reset_passwords: bool,
    log_format: LogFormat,
    log_level: str,
    detach: bool,
    **said: Any,
) -> None:
    """Start a cloud on this machine and say `ready` when it answers and its hosts are in.

    Without --detach it runs until Ctrl-C or `kilonova down`, which shut the guests down cleanly.
    """
    os.umask(0o077)  # whatever is written from here on, by us and by whom we start, is nobody else's to read
    folder.make()
    running = read_mark(folder.run / "controller.json")
    if running is not None:
        raise CloudError(f"the cloud in {folder.root} is running already (process {running.pid})")
    state = _state(folder, said)
    check_address(state)
    folder.save_state(state)
    if image is not None:
        (folder.root / "image").write_text(str(image.absolute()))
    if detach:
        more = ["--reset-passwords"] if reset_passwords else []
        _detach(folder, state, [*more, "--log-format", log_format, "--log-level", log_level])
    else:
        _run(folder, state, reset_passwords, log_format, log_level)


def _state(folder: CloudFolder, said: dict[str, Any]) -> CloudState:
    """What was said now, over what was said before."""
    before = folder.state() if folder.exists else CloudState()
    given = {name: value for name, value in said.items() if value is not None}
    for name in ("certificate", "key"):
        if name in given:
            given[name] = str(Path(given[name]).absolute())
    state = msgspec.structs.replace(before, **given)
    check_tls(state)
    if state.cells < before.cells and folder.exists:
        raise CloudError(
            f"this cloud has {before.cells} cells, and a cell cannot be taken away: say --cells {before.cells}"
        )
    return state


def _run(folder: CloudFolder, state: CloudState, reset_passwords: bool, log_format: LogFormat, log_level: str) -> None:
    import uvloop
    from kilonova_kit.logs import configure_logging

    from kilonova.cloud.controller import ControllerSettings
    from kilonova.cloud.process import let_threads_work
    from kilonova.cloud.running import run_cloud
    from kilonova.cloud.settings import operator_settings

    let_threads_work()
    configure_logging(format=log_format, level=log_level, stream=sys.stderr)
    kept = folder.root / "image"
    image = Path(kept.read_text()) if kept.exists() else None
    if image is None and state.driver != "fake":
        click.echo("this cloud begins without an image: say --image FILE (bin/demo builds one that boots)", err=True)
    settings = ControllerSettings(
        folder=folder,
        state=state,
        image_file=image if image and image.exists() else None,
        reset_passwords=reset_passwords,
        operator=operator_settings(folder.root),
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_cloud(settings))


def _detach(folder: CloudFolder, state: CloudState, more: list[str]) -> None:
    """Start ourselves again in a session of its own, and wait until it is ready or has died."""
    arguments = ["up", "--data", str(folder.root), *more]
    log_file = folder.logs / "controller.log"
    ready = folder.run / "ready"
    ready.unlink(missing_ok=True)
    with log_file.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "kilonova", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    give_up = time.monotonic() + _READY_SECONDS
    while not ready.exists():
        if child.poll() is not None:
            raise CloudError(f"the cloud did not start: {last_line(log_file)}; the whole story is in {log_file}")
        if time.monotonic() > give_up:
            raise CloudError(f"the cloud was not ready within {_READY_SECONDS:.0f} s; see {log_file}")
        time.sleep(0.02)
    click.echo(f"ready {state.public_url or state.url}")
    click.echo(f"export OS_CLIENT_CONFIG_FILE={folder.clouds_yaml} OS_CLOUD=kilonova-demo")
