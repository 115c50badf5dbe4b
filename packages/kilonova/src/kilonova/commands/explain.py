"""``kilonova explain``: the whole story of one server, from its request to its last action."""

from __future__ import annotations

import click

from kilonova.cloud.folder import CloudFolder
from kilonova.cloud.inquiries import CloudInquiries
from kilonova.commands.options import data_option


@click.command("explain")
@data_option
@click.argument("server")
def command(folder: CloudFolder, server: str) -> None:
    """Tell what was done with SERVER (an id or a name), step by step, and why it is as it is."""
    asked = CloudInquiries(folder)
    found = asked.server(server)
    shown = asked.get(f"/compute/v2.1/servers/{found.id}")["server"]
    click.echo(f"{found.name} ({found.id}): {found.status} on {found.host or 'no host'}")
    if fault := shown.get("fault"):
        click.echo(f"  fault: {fault['message']}")
    path = f"/compute/v2.1/servers/{found.id}/os-instance-actions"
    for action in reversed(asked.get(path)["instanceActions"]):
        click.echo(f"{action['start_time']}  {action['action']}  {action['request_id']}  {action['message'] or ''}")
        detail = asked.get(f"{path}/{action['request_id']}")["instanceAction"]
        for event in sorted(detail.get("events", ()), key=lambda one: str(one["start_time"])):
            words = f"{event['event']}  {event['result'] or 'running'}  {event.get('details') or ''}"
            click.echo(f"    {event['start_time']}  {words}".rstrip())
