"""``kilonova down``: end a cloud of this machine, cleanly, whatever state its processes are in."""

from __future__ import annotations

import signal

import click
from kilonova_kit.processes import read_mark, send_signal, wait_gone

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder
from kilonova.commands.options import data_option

_SECONDS = 150.0


@click.command("down")
@data_option
def command(folder: CloudFolder) -> None:
    """Shut the guests of a cloud down, and end all of its processes.

    Servers that ran are started again by the next `kilonova up`.
    """
    folder.state()
    controller = read_mark(folder.run / "controller.json")
    if controller is not None:
        send_signal(controller, signal.SIGTERM)
        if not wait_gone(controller, _SECONDS):
            raise CloudError(f"the controller (process {controller.pid}) did not end within {_SECONDS:.0f} s")
    from kilonova.cloud.agents import drain_agents

    left = drain_agents(folder.run)  # agents whose controller had died before
    if left:
        raise CloudError(f"these agents did not end: {', '.join(left)}; see {folder.logs}")
    click.echo("down")
