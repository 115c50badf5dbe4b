"""From the query of a list of servers to a filter, an order and a page, with the API's rules by role and version.

Who may not use all filters has the rest ignored, not refused. Empty results that are certain come as None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kilonova_kit.clock import parse_iso
from kilonova_kit.errors import BadRequest, Forbidden
from kilonova_kit.http.identity import Identity
from kilonova_kit.http.versioned import Version
from kilonova_kit.patterns import check_pattern
from msgspec import structs

from kilonova_compute.api import versions
from kilonova_compute.api.types.server_filters import ServerQuery
from kilonova_compute.api.types.values import as_bool, digits
from kilonova_compute.model.listing import SORT_KEYS, USUAL_ORDER, ServerFilter, ServerOrder
from kilonova_compute.model.servers import all_statuses, states_of_status

_REFUSED = frozenset(
    ["block_device_mapping", "services", "metadata", "system_metadata", "info_cache", "security_groups", "pci_devices"]
)
_PAGING = frozenset({"limit", "marker", "sort_key", "sort_dir"})
_FOR_ALL = frozenset({"reservation_id", "name", "status", "image", "flavor", "ip", "changes_since", "all_tenants"})
_TAGS = frozenset({"tags", "tags_any", "not_tags", "not_tags_any"})
_FOR_ALL_LATER = (
    (versions.IP6_FOR_ALL, frozenset({"ip6"})),
    (versions.TAGS, _TAGS),
    (versions.CHANGES_BEFORE, frozenset({"changes_before"})),
    (versions.LOCKED_REASON, frozenset({"locked"})),
    (
        versions.MORE_FILTERS,
        frozenset(
            [
                "availability_zone",
                "config_drive",
                "key_name",
                "created_at",
                "launched_at",
                "terminated_at",
                "power_state",
                "task_state",
                "vm_state",
                "progress",
                "user_id",
            ]
        ),
    ),
    (versions.HOSTNAME, frozenset({"hostname"})),
)
#: Sort keys of old that were accepted and did nothing (nova, SERVER_LIST_IGNORE_SORT_KEY).
_IGNORED_SORT_KEYS = frozenset(
    [
        "architecture",
        "cell_name",
        "cleaned",
        "default_ephemeral_device",
        "default_swap_device",
        "deleted",
        "deleted_at",
        "disable_terminate",
        "ephemeral_gb",
        "ephemeral_key_uuid",
        "id",
        "key_data",
        "launched_on",
        "memory_mb",
        "os_type",
        "reservation_id",
        "root_gb",
        "shutdown_terminate",
        "user_data",
        "vcpus",
        "vm_mode",
    ]
)
_PATTERNS = ("name", "display_name", "description", "display_description", "ip", "ip6", "hostname", "host", "node")
_EQUAL = {  # parameter -> the filter's name, where the value is compared as text
    "user_id": "user_id",
    "host": "host",
    "node": "node",
    "hostname": "hostname",
    "image": "image_id",
    "image_ref": "image_id",
    "flavor": "flavor_id",
    "availability_zone": "availability_zone",
    "key_name": "key_name",
    "reservation_id": "reservation_id",
    "access_ip_v4": "access_ip_v4",
    "access_ip_v6": "access_ip_v6",
    "name": "name_pattern",
    "display_name": "name_pattern",
    "description": "description_pattern",
    "display_description": "description_pattern",
    "ip": "ipv4_pattern",
    "ip6": "ipv6_pattern",
}
_POWER = {"pending": 0, "running": 1, "paused": 3, "shutdown": 4, "crashed": 6, "suspended": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a list was asked for. ``nothing`` says that no server can match; ``plain`` that nothing narrows it."""

    filter: ServerFilter
    order: tuple[ServerOrder, ...]
    all_projects: bool
    plain: bool
    nothing: bool = False


def asked_of(query: ServerQuery, identity: Identity, version: Version, all_filters: bool) -> Asked:
    """Read a query. Raises BadRequest and Forbidden as the real API does."""
    given = {name: values for name, values in structs.asdict(query).items() if values}
    order = _order(query, identity, version)
    statuses = given.pop("status", None)
    if not all_filters:
        allowed = _allowed(version)
        given = {name: values for name, values in given.items() if name in allowed or name in _PAGING}
    if refused := _REFUSED & given.keys():
        raise BadRequest(f"Invalid filter field: {min(refused)}.")
    last = {name: values[-1] for name, values in given.items() if name not in _PAGING}
    all_projects = _all_projects(last)
    wanted = _narrowed(last, version)
    if statuses:
        states = _states(statuses, version)
        if states is None:
            return Asked(filter=ServerFilter(), order=order, all_projects=all_projects, plain=False, nothing=True)
        wanted |= states
    _deleted_rules(wanted, last, identity)
    if not all_projects:
        wanted["project_id"] = identity.project_id
        if identity.project_id is None:
            wanted["user_id"] = identity.user_id
    plain = not (last.keys() - {"all_tenants"}) and not statuses and not _PAGING & given.keys()
    return Asked(filter=ServerFilter(**wanted), order=order, all_projects=all_projects, plain=plain)


def _allowed(version: Version) -> frozenset[str]:
    allowed = _FOR_ALL
    for begin, names in _FOR_ALL_LATER:
        if version >= begin:
            allowed |= names
    return allowed


def _all_projects(last: dict[str, str]) -> bool:
    """``all_tenants`` without a value means yes."""
    value = last.get("all_tenants")
    if not value:
        return value is not None
    try:
        return as_bool("all_tenants", value.lower())
    except BadRequest:
        raise BadRequest(f"Unrecognized value '{value}', acceptable values are: 0, 1, true, false, yes, no") from None


def _narrowed(last: dict[str, str], version: Version) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for name, value in last.items():
        if name in _PATTERNS:
            _check_pattern(name, value)
        if name in _EQUAL:
            wanted[_EQUAL[name]] = value
    if owner := last.get("project_id") or last.get("tenant_id"):
        wanted["project_id"] = owner
    if "uuid" in last:
        wanted["ids"] = (last["uuid"],)
    for name in ("vm_state", "task_state"):
        if name in last:
            wanted[f"{name}s"] = (None,) if last[name] in ("None", "") and name == "task_state" else (last[name],)
    wanted |= _numbers(last) | _flags(last) | _moments(last) | _tag_lists(last)
    return wanted


def _check_pattern(name: str, value: str) -> None:
    try:
        check_pattern(value)
    except ValueError as error:
        raise BadRequest(f"Invalid input for query parameters {name}. Value: {value}. {error}") from None


def _numbers(last: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("launch_index", "progress"):
        if name in last:
            found[name] = _whole(last[name])
    if "power_state" in last:
        value = last["power_state"].lower()
        found["power"] = _POWER.get(value, _whole(value))
    return found


def _whole(text: str) -> int:
    """The number; one that no server has where it is none."""
    number = digits(text)
    return -1 if number is None else number


def _flags(last: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "config_drive" in last:
        found["config_drive"] = last["config_drive"].lower() in ("true", "1", "yes", "on", "t", "y")
    if "locked" in last:
        try:
            found["locked"] = as_bool("locked", last["locked"].lower())
        except BadRequest:
            raise BadRequest(f"Unrecognized value '{last['locked']}', acceptable values are: false, true") from None
    if "locked_by" in last:
        found["locked"] = True
    return found


def _moment(name: str, text: str) -> float:
    try:
        return parse_iso(text)
    except ValueError:
        raise BadRequest(
            f"Invalid input for query parameters {name}. Value: {text}. '{text}' is not a 'date-time'"
        ) from None


def _moments(last: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in (("changes_since", "changed_since"), ("changes_before", "changed_before")):
        if name in last:
            found[field] = _moment(name.replace("_", "-"), last[name])
    if found.get("changed_before", 0.0) < found.get("changed_since", 0.0) and "changed_before" in found:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    for name in ("created_at", "launched_at", "terminated_at"):
        if name in last:
            found[name] = _moment(name, last[name])
    return found


def _tag_lists(last: dict[str, str]) -> dict[str, Any]:
    names = {"tags": "all_tags", "tags_any": "any_tags", "not_tags": "not_all_tags", "not_tags_any": "not_any_tags"}
    return {names[name]: tuple(last[name].split(",")) for name in names if name in last}


def _states(statuses: list[str], version: Version) -> dict[str, Any] | None:
    """The states that these statuses stand for; None for none at all."""
    known = [status.upper() for status in statuses if status.upper() in all_statuses()]
    if not known:
        if version >= versions.STATUS_CHECKED:
            raise BadRequest("Invalid status value")
        return None
    vm_states, task_states = states_of_status(known)
    found: dict[str, Any] = {"vm_states": vm_states}
    if task_states is not None:
        found["task_states"] = task_states
    return found


def _deleted_rules(wanted: dict[str, Any], last: dict[str, str], identity: Identity) -> None:
    """Deleted servers show only to those who ask for changes, or to administrators who ask for them."""
    if "deleted" in last:
        wanted["deleted"] = last["deleted"].lower() in ("true", "1", "yes", "on", "t", "y")
    elif "changed_since" in wanted or "changed_before" in wanted:
        wanted["deleted"] = None
    if wanted.get("vm_states") == ("deleted",):
        if not identity.is_admin:
            raise Forbidden("Only administrators may list deleted instances")
        wanted["deleted"] = True


def _order(query: ServerQuery, identity: Identity, version: Version) -> tuple[ServerOrder, ...]:
    keys, directions = query.sort_key, query.sort_dir
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise BadRequest("Unknown sort direction, must be one of: asc, desc")
    if not keys and not directions:
        return USUAL_ORDER
    if len(directions) > len(keys or ["created_at"]):
        raise BadRequest("Sort direction size exceeds sort key size")
    usual = directions[0] if directions else "desc"
    order = []
    for number, key in enumerate(keys or ["created_at"]):
        column = _sort_column(key, identity, version)
        if column:
            direction = directions[number] if number < len(directions) else usual
            order.append(ServerOrder(column, direction == "desc"))
    return tuple(order) or USUAL_ORDER


def _sort_column(key: str, identity: Identity, version: Version) -> str | None:
    """The index's column; None for a key that is ignored."""
    ignored = key in _IGNORED_SORT_KEYS or (key == "locked" and version < versions.LOCKED_REASON)
    if ignored and version < versions.STRICT:
        return None
    if ignored or key not in SORT_KEYS:
        raise BadRequest(
            f"Invalid input for query parameters sort_key. Value: {key}. '{key}' is not one of the sort keys"
        )
    if key in ("host", "node") and not identity.is_admin:
        raise Forbidden(f"Only administrators can sort servers by {key}")
    return SORT_KEYS[key]
