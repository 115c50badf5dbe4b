"""``os-security-groups`` and ``os-security-group-rules``: what comes in to servers, asked of the network service."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, NotFound
from kilonova_kit.http.operations import Answer, Call, NoQuery
from kilonova_kit.ids import is_uuid_like
from msgspec import Meta

from kilonova_compute.api import list_pages
from kilonova_compute.api.proxies.network_views import group_view, rule_view
from kilonova_compute.api.types.values import invalid, whole_text
from kilonova_compute.app.compute import Compute

_GROUPS, _RULES = "/v2.0/security-groups", "/v2.0/security-group-rules"
_PROTOCOLS = ("tcp", "udp", "icmp")
_PROTOCOL_NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp"}

_Text = Annotated[str, Meta(max_length=255)]


class GroupQuery(msgspec.Struct, frozen=True):
    """``all_tenants`` is for admins."""

    limit: list[str] = []
    offset: list[str] = []
    all_tenants: list[str] = []


class WishedGroup(msgspec.Struct, frozen=True):
    """A group's name and description."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    description: _Text = ""


class GroupBody(msgspec.Struct, frozen=True):
    """``{"security_group": ...}``."""

    security_group: WishedGroup


class WishedRule(msgspec.Struct, frozen=True):
    """Ports from to, or an ICMP type and code; from a range of addresses, or from the members of a group."""

    parent_group_id: Any = None
    ip_protocol: str | int | None = None
    from_port: int | str | None = None
    to_port: int | str | None = None
    cidr: str | None = None
    group_id: str | None = None


class RuleBody(msgspec.Struct, frozen=True):
    """``{"security_group_rule": ...}``."""

    security_group_rule: WishedRule


NoBody = Call[Compute, None, NoQuery]


# --- groups


async def index(call: Call[Compute, None, GroupQuery]) -> dict[str, Any]:
    """The project's groups by name, all of them for an admin who says so."""
    everybodys = call.query.all_tenants[-1:] not in ([], ["0"], ["false"], ["False"]) and call.identity.is_admin
    query = {} if everybodys else {"project_id": call.identity.project_id or ""}
    found = (await _ask(call, "GET", _GROUPS, query=query))["security_groups"]
    start = whole_text("offset", call.query.offset[-1]) if call.query.offset else 0
    size = list_pages.page_size(call, call.query.limit) or call.app.page_limit
    page = sorted(found, key=lambda group: (group["project_id"], group["name"]))[start : start + size]
    names = {group["id"]: group["name"] for group in found}
    return {"security_groups": [group_view(group, names) for group in page]}


async def show(call: NoBody) -> dict[str, Any]:
    return await _shown(call, (await _ask(call, "GET", f"{_GROUPS}/{_group_id(call)}"))["security_group"])


async def create(call: Call[Compute, GroupBody, NoQuery]) -> dict[str, Any]:
    return await _shown(call, await _written(call, "POST", _GROUPS))


async def update(call: Call[Compute, GroupBody, NoQuery]) -> dict[str, Any]:
    return await _shown(call, await _written(call, "PUT", f"{_GROUPS}/{_group_id(call)}"))


async def delete(call: NoBody) -> Answer:
    """A group that is in use, or the default one, stays: 400, as nova answers."""
    try:
        await _ask(call, "DELETE", f"{_GROUPS}/{_group_id(call)}")
    except Conflict as error:
        raise BadRequest(error.message) from error
    return Answer(status=202)


async def _written(call: Call[Compute, GroupBody, NoQuery], method: str, path: str) -> dict[str, Any]:
    wanted = call.body.security_group
    if not wanted.name.strip():
        raise BadRequest("Security group name cannot be empty.")
    values = {"name": wanted.name, "description": wanted.description}
    try:
        found: dict[str, Any] = (await _ask(call, method, path, json={"security_group": values}))["security_group"]
    except Conflict as error:  # the name "default", or the group of that name
        raise BadRequest(error.message) from error
    return found


def _group_id(call: Call[Compute, Any, NoQuery]) -> str:
    identifier = call.path["group_id"]
    if not is_uuid_like(identifier):
        raise BadRequest("Security group id should be uuid")
    return identifier


async def _shown(call: Call[Compute, Any, NoQuery], group: dict[str, Any]) -> dict[str, Any]:
    return {"security_group": group_view(group, await _names(call, group.get("security_group_rules", ())))}


# --- rules


async def create_rule(call: Call[Compute, RuleBody, NoQuery]) -> dict[str, Any]:
    values = _rule_values(call.body.security_group_rule)
    try:
        rule = (await _ask(call, "POST", _RULES, json={"security_group_rule": values}))["security_group_rule"]
    except Conflict as error:
        raise BadRequest(error.message) from error
    return {"security_group_rule": rule_view(rule, await _names(call, [rule]))}


async def delete_rule(call: NoBody) -> Answer:
    identifier = call.path["rule_id"]
    if not is_uuid_like(identifier):
        raise BadRequest("Security group id should be uuid")
    await _ask(call, "DELETE", f"{_RULES}/{identifier}")
    return Answer(status=202)


def _rule_values(wanted: WishedRule) -> dict[str, Any]:
    """The rule in the words of the network service. Raises BadRequest."""
    for field, value in (("parent_group_id", wanted.parent_group_id), ("group_id", wanted.group_id)):
        if (field == "parent_group_id" or value is not None) and not is_uuid_like(str(value)):
            raise BadRequest("Security group id should be uuid")
    protocol, ports = _protocol(wanted), _ports(wanted)
    if wanted.group_id is None and protocol is None:
        raise BadRequest("Not enough parameters to build a valid rule.")
    values = {
        "security_group_id": wanted.parent_group_id,
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": protocol,
        "port_range_min": ports[0],
        "port_range_max": ports[1],
    }
    if wanted.group_id is not None:
        return {**values, "remote_group_id": wanted.group_id}
    range_, version = _range(wanted.cidr)
    return {**values, "remote_ip_prefix": range_, "ethertype": f"IPv{version}"}


def _protocol(wanted: WishedRule) -> str | None:
    if wanted.ip_protocol in (None, ""):
        return None
    word = str(wanted.ip_protocol).lower()
    word = _PROTOCOL_NUMBERS.get(word, word)
    if word not in _PROTOCOLS:
        raise BadRequest(f"Invalid IP protocol {word}.")
    return word


def _ports(wanted: WishedRule) -> tuple[int | None, int | None]:
    """From and to; -1 says nothing. ICMP has a type and a code, up to 255."""
    low, high = _number("from_port", wanted.from_port), _number("to_port", wanted.to_port)
    is_icmp = _protocol(wanted) == "icmp"
    smallest, largest = (0, 255) if is_icmp else (1, 65535)
    for port in (low, high):
        if port is not None and not smallest <= port <= largest:
            raise BadRequest(f"Invalid port range {low}:{high}. Valid ports are between {smallest} and {largest}")
    if not is_icmp and _protocol(wanted) is not None and (low is None or high is None):
        raise BadRequest(f"Invalid port range {low}:{high}. Both ports must be given")
    if not is_icmp and low is not None and high is not None and low > high:
        raise BadRequest(f"Invalid port range {low}:{high}. Former value cannot be greater than the later")
    return low, high


def _number(field: str, value: int | str | None) -> int | None:
    try:
        number = int(value or -1) if isinstance(value, str) or value is None else value
    except ValueError as error:
        raise invalid(field, value, "it is not a number") from error
    return None if number == -1 else number


def _range(given: str | None) -> tuple[str, int]:
    if not given:
        return "0.0.0.0/0", 4
    try:
        return given, ip_network(given, strict=False).version
    except ValueError as error:
        raise BadRequest(f"Invalid CIDR {given}.") from error


# --- asking


async def _ask(call: Call[Compute, Any, Any], method: str, path: str, **more: Any) -> Any:
    try:
        return await call.app.network.for_users.ask(call.identity.token, method, path, **more)
    except NotFound as error:
        raise NotFound(error.message or "Security group not found.") from error


async def _names(call: Call[Compute, Any, Any], rules: Any) -> dict[str, str]:
    """The names of the groups that rules let in."""
    ids = sorted({rule["remote_group_id"] for rule in rules if rule.get("remote_group_id")})
    if not ids:
        return {}
    found = (await _ask(call, "GET", _GROUPS, query={"id": ids, "fields": ["id", "name"]}))["security_groups"]
    return {group["id"]: group["name"] for group in found}
