"""``kilonova explain``: the story of one server and of its request, or what would become of a flavor asked for now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder
from kilonova.cloud.inquiries import CloudInquiries, FoundServer
from kilonova.commands.options import data_option

if TYPE_CHECKING:
    from rich.table import Table

_EXPLAIN = "/compute/native/v1/explain"


@click.command("explain")
@data_option
@click.option("--image", default="", help="With FLAVOR: the id of the image.")
@click.option("--zone", default="", help="With FLAVOR: the availability zone.")
@click.option("--host", default="", help="With FLAVOR: the host.")
@click.option("--count", default=1, type=click.IntRange(1, 1000), help="So many alike.")
@click.argument("wanted", metavar="SERVER|FLAVOR")
def command(folder: CloudFolder, wanted: str, image: str, zone: str, host: str, count: int) -> None:
    """Tell what was done with SERVER (an id or a name), step by step, and why its request finds a host now, or none.

    With FLAVOR (an id, a name, or what it is, as vcpus=3,ram=2500,disk=7): what would become of it now.
    """
    asked = CloudInquiries(folder)
    place = {"image": image, "zone": zone, "host": host}
    said = {name: value for name, value in place.items() if value}
    found = None if said else _server(asked, wanted)
    if found is not None:
        _tell_story(asked, found)
    question = {"flavor": wanted, **said} if found is None else {"server": found.id}
    try:
        answer = asked.post(_EXPLAIN, {**question, "count": count})
    except CloudError as error:
        if found is None:
            raise
        click.echo(f"its request cannot be explained: {error}")
        return
    _tell_request(answer)


def _server(asked: CloudInquiries, wanted: str) -> FoundServer | None:
    """The server, or None where it can only be a flavor. Raises CloudError for what is neither."""
    if "=" in wanted:
        return None
    try:
        return asked.server(wanted)
    except CloudError as error:
        flavors = asked.get("/compute/v2.1/flavors?is_public=none")["flavors"]
        if any(wanted in (flavor["id"], flavor["name"]) for flavor in flavors):
            return None
        raise CloudError(f"{error}; no flavor is {wanted} either") from error


def _tell_story(asked: CloudInquiries, found: FoundServer) -> None:
    """Its state, and every action with its steps."""
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


def _tell_request(answer: dict[str, Any]) -> None:
    """What is asked for, each constraint, and the winner's weights."""
    from rich.console import Console

    console, explanation = Console(highlight=False), answer["explanation"]
    console.print(f"\nasked for now: {request_in_words(answer['request'])}", soft_wrap=True, markup=False)
    console.print(constraints_table(explanation))
    console.print(verdict(explanation), soft_wrap=True, markup=False)
    if explanation["winner"]:
        console.print(weights_table(explanation["winner"]))


def request_in_words(request: dict[str, Any]) -> str:
    """``2 VCPU, 512 MEMORY_MB, trait CUSTOM_A, not trait CUSTOM_B, in zone nova``."""
    parts = [f"{amount} {name}" for name, amount in request["resources"].items()]
    parts += [f"trait {name}" for name in (*request["required_traits"], *request["image_traits"])]
    parts += [f"not trait {name}" for name in request["forbidden_traits"]]
    parts += [f"in zone {request['zone']}"] if request["zone"] else []
    parts += [f"on host {request['host']}"] if request.get("host") else []
    return ", ".join(parts)


def constraints_table(explanation: dict[str, Any]) -> Table:
    """The constraints in the order in which they are applied."""
    from rich.table import Table

    table = Table("constraint", "removed", "left", "nearest miss", "nearest host", box=None)
    table.add_row("(all hosts)", "", str(explanation["hosts"]), "", "")
    for one in explanation["constraints"]:
        numbers = str(one["removed"]), str(one["left"])
        table.add_row(one["constraint"], *numbers, one["nearest"], one["nearest_host"])
    return table


def verdict(explanation: dict[str, Any]) -> str:
    """One line: whether it fits, and who wins."""
    fits, count, winner = explanation["fits"], explanation["count"], explanation["winner"]
    if winner is None:
        return "no host fits"
    of = "it fits" if fits >= count else f"{fits} of {count} fit"
    return f"{of}; the first goes to {winner['host']} in {winner['cell']}"


def weights_table(winner: dict[str, Any]) -> Table:
    """What each weigher gave the winner."""
    from rich.table import Table

    table = Table("weigher", "weight", box=None)
    for name, weight in winner["weights"].items():
        table.add_row(name, f"{weight:.3f}")
    return table
