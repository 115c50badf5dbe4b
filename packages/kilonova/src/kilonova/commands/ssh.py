"""``kilonova ssh``: into a guest from the machine that hosts it, whatever namespace its network is in."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder
from kilonova.cloud.inquiries import CloudInquiries
from kilonova.commands.options import data_option

_OPTIONS = {
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
    "IdentitiesOnly": "yes",
    "BatchMode": "yes",
    "ConnectTimeout": "20",
}


@click.command("ssh", context_settings={"ignore_unknown_options": True})
@data_option
@click.option("--user", default="root", show_default=True, help="Whom to be in the guest.")
@click.option("--identity", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The private key.")
@click.argument("server")
@click.argument("remote", nargs=-1, type=click.UNPROCESSED)
def command(folder: CloudFolder, user: str, identity: Path | None, server: str, remote: tuple[str, ...]) -> None:
    """Run REMOTE (or a shell) in the guest of SERVER, an id or a name.

    The guest's host key is not checked: it was made when the guest was, on this machine.
    """
    found = CloudInquiries(folder).server(server)
    place = next(iter(found.addresses), None)
    if place is None:
        raise CloudError(f"server {server} has no address")
    prefix = _way_to(folder, found.host, place.network_id)
    key = ["-i", str(identity)] if identity else []
    options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
    arguments = [*prefix, "ssh", "-q", *options, *key, f"{user}@{place.ip_address}", *remote]
    os.execvp(arguments[0], arguments)  # noqa: S606 - we become ssh, with a list of arguments


def _way_to(folder: CloudFolder, host: str, network_id: str) -> tuple[str, ...]:
    """What must stand before a command so that it reaches the guests that this host has on a network."""
    from kilonova_agent.joining import read_joined
    from kilonova_agent.network.host_network import HostNetwork

    home = folder.host(host)
    membership = read_joined(home)
    if membership is None:
        raise CloudError(f"host {host} is not a host of this machine")
    network = HostNetwork(
        data_dir=home,
        host_id=membership.host_id,
        metadata_socket=home / "metadata.sock",
        run_as=None,
        logger=logging.getLogger(__name__),
    )
    return network.command_in(network_id)
