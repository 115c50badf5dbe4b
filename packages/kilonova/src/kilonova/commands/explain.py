"""``kilonova explain``: the story of one server and of its request, or what would become of a flavor asked for now."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
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
@click.option("--hint", "hints", multiple=True, metavar="KEY=VALUE", help="With FLAVOR: a scheduler hint; repeatable.")
@click.option("--count", default=1, type=click.IntRange(1, 1000), help="So many alike.")
@click.option("--json", "as_json", is_flag=True, help="The request and its explanation as JSON, as over HTTP.")
@click.argument("wanted", metavar="SERVER|FLAVOR|REQUEST")
def command(
    folder: CloudFolder,
    wanted: str,
    image: str,
    zone: str,
    host: str,
    hints: tuple[str, ...],
    count: int,
    as_json: bool,
) -> None:
    """Tell what was done with SERVER (an id or a name), step by step, and why its request finds a host now, or none.

    With FLAVOR (an id, a name, or what it is, as vcpus=3,ram=2500,disk=7): what would become of it now.

    REQUEST is JSON, as a server's request is read back, or a file of it (NAME.json, or with a slash), or the id of the
    call that asked for a server (req-...).
    """
    asked = CloudInquiries(folder)
    said = {name: value for name, value in {"image": image, "zone": zone, "host": host}.items() if value}
    question, found = request_question(wanted), None
    if question is None:
        besides = {**said, **({"hints": hints_of(hints)} if hints else {})}
        found = None if besides else _server(asked, wanted)
        question = {"flavor": wanted, **besides} if found is None else {"server": found.id}
    if found is not None and not as_json:
        _tell_story(asked, found)
    try:
        answer = asked.post(_EXPLAIN, {**question, "count": count})
    except CloudError as error:
        if found is None or as_json:
            raise
        click.echo(f"its request cannot be explained: {error}")
        return
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        _tell_request(answer)


def request_question(wanted: str) -> dict[str, Any] | None:
    """What to ask about a request that is given, or by its id; None for a server or flavor. Raises CloudError."""
    if wanted.startswith("req-"):
        return {"request_id": wanted}
    text = wanted
    if not wanted.lstrip().startswith("{"):
        if not (wanted.endswith(".json") or "/" in wanted):
            return None
        try:
            text = Path(wanted).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise CloudError(f"the request in {wanted} cannot be read: {error}") from error
    try:
        request = json.loads(text)
    except ValueError as error:
        raise CloudError(f"the request is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise CloudError("a request is a JSON object, as a server's request is read back")
    return {"request": request.get("request", request)}


def hints_of(given: Iterable[str]) -> dict[str, Any]:
    """``KEY=VALUE`` several times, as the API takes hints. Raises CloudError."""
    found: dict[str, Any] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise CloudError(f"--hint {text}: write KEY=VALUE")
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


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
    parts += [*_cells_in_words(request.get("layout") or {}), *_pieces_in_words(request)]
    parts += [f"trait {name}" for name in (*request["required_traits"], *request["image_traits"])]
    parts += [f"not trait {name}" for name in request["forbidden_traits"]]
    parts += [f"trait {name} if possible" for name in request.get("preferred_traits", ())]
    parts += [f"label {label['key']} {' or '.join(label['values'])}" for label in request.get("labels", ())]
    parts += [f"{group['policy']} in group {group['group_id']}"] if (group := request.get("group")) else []
    parts += [f"in zone {request['zone']}"] if request["zone"] else []
    parts += [f"on host {request['host']}"] if request.get("host") else []
    parts += [f"on one of {', '.join(hosts) or 'no hosts'}"] if (hosts := request.get("hosts")) is not None else []
    parts += [f"not on {', '.join(request['not_hosts'])}"] if request.get("not_hosts") else []
    parts += [f"near {request['network']}"] if request.get("network") else []
    return ", ".join(parts)


def _cells_in_words(layout: dict[str, Any]) -> Iterable[str]:
    pages = f" in pages ({layout['page_size']})" if layout.get("page_size") else ""
    for cell in layout.get("cells", ()):
        own = len(cell.get("dedicated", ()))
        cores = [(own, "PCPU"), (len(cell["cpus"]) - own, "VCPU")]
        said = " and ".join(f"{number} {name}" for number, name in cores if number)
        yield f"{said} with {cell['memory_mb']} MEMORY_MB{pages} on one NUMA node"


def _pieces_in_words(request: dict[str, Any]) -> Iterable[str]:
    if request.get("machine"):
        yield f"a whole machine {request['machine']}"
    for device in request.get("devices", ()):
        traits = "".join(f" with {name}" for name in device.get("required_traits", ()))
        yield f"{device['count']} devices {device['resource_class']}{traits}"
    for bundle in request.get("bundles", ()):
        amounts = " and ".join(f"{amount} {name}" for name, amount in bundle["resources"].items())
        yield f"{amounts} of one provider"


def constraints_table(explanation: dict[str, Any]) -> Table:
    """The constraints in the order in which they are applied. ``by it alone``: who would do but for this one."""
    from rich.table import Table

    table = Table("constraint", "removed", "by it alone", "left", "nearest miss", "nearest host", box=None)
    table.add_row("(all hosts)", "", "", str(explanation["hosts"]), "", "")
    for one in explanation["constraints"]:
        numbers = str(one["removed"]), str(one.get("only") or ""), str(one["left"])
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
