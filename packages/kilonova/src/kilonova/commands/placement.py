"""``kilonova placement``: placement alone, for a compute service elsewhere, or for any client of the Placement API."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, Literal

import click
import msgspec
from kilonova_kit.processes import read_mark

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder, CloudState
from kilonova.commands.options import data_option

LogFormat = Literal["text", "json"]


@click.command("placement")
@data_option
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:8778", show_default=True, help="Where it answers.")
@click.option("--public-url", metavar="URL", default="", help="What links say, for a proxy in front.")
@click.option("--identity", "identity_url", metavar="URL", help="The identity service that knows whose a token is.")
@click.option(
    "--database", "database_url", metavar="URL", help="As postgresql+psycopg://host/placement.  [default: SQLite]"
)
@click.option("--tls-certificate", "certificate", type=click.Path(exists=True, dir_okay=False), help="PEM.")
@click.option("--tls-key", "key", type=click.Path(exists=True, dir_okay=False), help="PEM; its key.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
def command(
    folder: CloudFolder,
    identity_url: str | None,
    database_url: str | None,
    log_format: LogFormat,
    log_level: str,
    **said: Any,
) -> None:
    """Serve the Placement API and the native claims API alone, and say `ready` when they answer.

    What is not said here is read from kilonova.toml in the folder: [neighbours] identity, [database] url, [policy]. A
    cloud uses it when its own kilonova.toml says [neighbours] placement.
    """
    from kilonova.cloud.serving import check_address, check_tls

    os.umask(0o077)  # whatever is written from here on is nobody else's to read
    state = CloudState(**{name: value for name, value in said.items() if value})
    check_tls(state)
    folder.make()
    running = read_mark(folder.run / "placement.json")
    if running is not None:
        raise CloudError(f"placement in {folder.root} is running already (process {running.pid})")
    check_address(state)
    _run(folder, state, identity_url, database_url, log_format, log_level)


def _run(
    folder: CloudFolder,
    state: CloudState,
    identity_url: str | None,
    database_url: str | None,
    log_format: LogFormat,
    log_level: str,
) -> None:
    import uvloop
    from kilonova_kit.logs import configure_logging

    from kilonova.cloud.placement import run_placement
    from kilonova.cloud.process import let_threads_work
    from kilonova.cloud.settings import operator_settings

    let_threads_work()
    configure_logging(format=log_format, level=log_level, stream=sys.stderr)
    operator = operator_settings(folder.root)
    replace = msgspec.structs.replace
    if identity_url:
        operator = replace(operator, neighbours={**operator.neighbours, "identity": identity_url})
    if database_url:
        operator = replace(operator, database=replace(operator.database, url=database_url))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_placement(folder, state, operator))
