"""``kilonova host``: let hosts join a cloud, and see which it has."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kilonova.cloud.folder import CloudFolder
from kilonova.cloud.inquiries import CloudInquiries
from kilonova.commands.options import data_option


@click.group("host")
def command() -> None:
    """Let hosts join a cloud, and see which it has."""


@command.command("token")
@data_option
@click.option("--cell", default="cell1", show_default=True, help="The cell that the host will be in.")
def token(folder: CloudFolder, cell: str) -> None:
    """Make a one-time token with which one host may join within an hour."""
    made = CloudInquiries(folder).post("/compute/host-tokens", {"cell": cell})
    click.echo(made["token"])


@command.command("list")
@data_option
def list_hosts(folder: CloudFolder) -> None:
    """Name the hosts."""
    for service in CloudInquiries(folder).get("/compute/v2.1/os-services?binary=nova-compute")["services"]:
        click.echo(f"{service['host']}\t{service['zone']}\t{service['state']}\t{service['status']}")


@command.command("images")
@data_option
def images(folder: CloudFolder) -> None:
    """Say which images the hosts of aggregates are to have at hand, and how far each host is."""
    for asked in CloudInquiries(folder).get("/compute/native/v1/precaches")["precaches"]:
        for host in asked["hosts"]:
            where = f"{asked['image_id']}\taggregate {asked['aggregate_id']}\t{host['host']}"
            click.echo(f"{where}\t{host['stage']}\t{host['reason']}".rstrip())


@command.command("join")
@click.argument("controller_url", metavar="URL")
@click.option("--token", prompt=True, hide_input=True, help="The token from `kilonova host token`.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Where the agent keeps everything.")
@click.option("--name", default="", help="The host's name in the cloud.  [default: this machine's]")
def join(controller_url: str, token: str, data: Path, name: str) -> None:
    """Let this machine join the cloud at URL; afterwards start its agent with `kilonova host run --data DIR`."""
    from kilonova_agent.joining import join as join_cloud

    asyncio.run(join_cloud(controller_url, token, name, data))
    click.echo(f"joined; start the agent with: kilonova host run --data {data} --controller-url {controller_url}")


@command.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(arguments: tuple[str, ...]) -> None:
    """Run the agent of this machine (all arguments are the agent's own)."""
    import os
    import sys

    command_line = [sys.executable, "-m", "kilonova_agent", *arguments]
    os.execv(command_line[0], command_line)  # noqa: S606 - we become the agent, with a list of arguments
