"""What a list of images may be asked for: the words of the API as plain conditions.

The grammar is Glance's: ``name=x``, ``status=in:active,queued``, ``created_at=gt:2026-01-01T00:00:00Z``,
``size_min=1``, ``sort=name:asc,size`` or ``sort_key=name&sort_dir=asc`` repeated, ``tag=a&tag=b``, and any other name
is a property.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

import msgspec
from kilonova_kit.clock import parse_iso
from kilonova_kit.errors import BadRequest

from kilonova_neighbours.image.model.images import VISIBILITIES

SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
_HASHES = ("checksum", "os_hash_algo", "os_hash_value")
_WORDS = ("id", "name", "status", "owner", "container_format", "disk_format", *_HASHES)
_MAY_LIST = frozenset({"id", "name", "status", "container_format", "disk_format"})
_NUMBERS = ("size", "min_ram", "min_disk", "virtual_size")
_TIMES = ("created_at", "updated_at")
#: An image has no more; SQLite takes no condition of a thousand parts.
_MOST_FILTERS = 256
_OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")


class Condition(msgspec.Struct, frozen=True):
    """A column, an operator (eq, neq, in, gt, gte, lt, lte) and a value of the column's type."""

    column: str
    operator: str
    value: str | int | float | bool | tuple[str, ...]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A whole request for a page. ``visibility`` None leaves out other projects' community images."""

    conditions: tuple[Condition, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    visibility: str | None = None
    member_status: str = "accepted"
    os_hidden: bool = False
    #: (column, descending); ends in a unique one.
    order: tuple[tuple[str, bool], ...] = ()
    marker: str | None = None
    limit: int = 25


def read_listing(pairs: Sequence[tuple[str, str]], page_default: int, page_maximum: int) -> Listing:
    """Read a query string. Raises BadRequest that names the parameter."""
    given = dict(pairs)
    conditions, properties = list[Condition](), list[tuple[str, str]]()
    for name, value in given.items():
        if name in _WORDS or name in _TIMES or name in _NUMBERS or name in ("size_min", "size_max", "protected"):
            conditions.append(_condition(name, value))
        elif name not in _NOT_PROPERTIES:
            properties.append((name, value))
    tags = tuple(dict.fromkeys(value.strip() for name, value in pairs if name == "tag"))
    if len(tags) + len(properties) > _MOST_FILTERS:
        raise BadRequest(f"A list can be filtered by {_MOST_FILTERS} tags and properties at once")
    return Listing(
        conditions=tuple(conditions),
        properties=tuple(properties),
        tags=tags,
        visibility=_one_of("visibility value", given.get("visibility"), (*VISIBILITIES, "all")),
        member_status=_one_of("status", given.get("member_status"), ("pending", "accepted", "rejected", "all"))
        or "accepted",
        os_hidden=_boolean("os_hidden", given["os_hidden"]) if "os_hidden" in given else False,
        order=_order(pairs),
        marker=given.get("marker"),
        limit=_limit(given.get("limit"), page_default, page_maximum),
    )


_NOT_PROPERTIES = frozenset(
    {"tag", "visibility", "member_status", "os_hidden", "sort", "sort_key", "sort_dir", "marker", "limit"}
)


def _one_of(what: str, value: str | None, allowed: Sequence[str]) -> str | None:
    if value and value not in allowed:
        raise BadRequest(f"Invalid {what}: {value}")
    return value or None


def _limit(text: str | None, default: int, maximum: int) -> int:
    if text is None:
        return default
    try:
        limit = int(text)
    except ValueError:
        raise BadRequest("limit param must be an integer") from None
    if limit < 0:
        raise BadRequest("limit param must be positive")
    return min(limit, maximum)


def _condition(name: str, value: str) -> Condition:
    if name in ("size_min", "size_max"):
        return Condition("size", "gte" if name == "size_min" else "lte", _number(name, value))
    if name in _NUMBERS:
        return Condition(name, "eq", _number(name, value))
    if name == "protected":
        return Condition(name, "eq", _boolean(name, value))
    if name in _TIMES:
        return _time_condition(name, value)
    operator, separator, rest = value.partition(":")
    if not separator or operator not in (*_OPERATORS, "in") or name not in _MAY_LIST:
        return Condition(name, "eq", value)
    if operator == "in":
        return Condition(name, "in", split_values(rest))
    if operator not in ("eq", "neq"):
        raise BadRequest(f"Unable to filter by unknown operator '{operator}'.")
    return Condition(name, operator, rest.strip('"'))


def split_values(text: str) -> tuple[str, ...]:
    """``a,"b,c"`` is two values. Raises BadRequest for unbalanced quotes, as Glance does."""
    if text.count('"') % 2:
        raise BadRequest(f"Invalid filter value {text}. The quote is not closed.")
    values = next(csv.reader([text], strict=False, skipinitialspace=True), [])
    return tuple(value.strip() for value in values)


def _time_condition(name: str, value: str) -> Condition:
    operator, separator, rest = value.partition(":")
    if not separator or not operator.isalpha():
        operator, rest = "eq", value
    if operator not in _OPERATORS:
        raise BadRequest(f"Unable to filter by unknown operator '{operator}'.")
    try:
        return Condition(name, operator, parse_iso(rest.strip('"')))
    except ValueError:
        raise BadRequest(f"Bad {name} query filter datetime format: {value}") from None


def _number(name: str, value: str) -> int:
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0:
        raise BadRequest(f"Cannot convert value '{value}' of the filter '{name}' to a non-negative integer")
    return number


def _boolean(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise BadRequest(f"Invalid value '{value}' for '{name}': only 'true' or 'false' allowed")
    return value.lower() == "true"


def _order(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, bool], ...]:
    keys = [value.strip() for name, value in pairs if name == "sort_key"]
    directions = [value.strip() for name, value in pairs if name == "sort_dir"]
    sorts = [value for name, value in pairs if name == "sort"]
    if sorts:
        if keys or directions:
            raise BadRequest("Old and new sorting syntax cannot be combined")
        parts = [part.partition(":") for part in sorts[-1].strip().split(",")]
        keys = [key.strip() for key, _, _ in parts]
        directions = [direction.strip() or "desc" for _, _, direction in parts]
    if len(directions) > 1 and len(directions) != len(keys):
        raise BadRequest("Number of sort dirs does not match the number of sort keys")
    for key in keys:
        if key not in SORT_KEYS:
            raise BadRequest(f"Invalid sort key: {key}. It must be one of the following: {', '.join(SORT_KEYS)}.")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise BadRequest(f"Invalid sort direction: {direction}")
    keys = keys or ["created_at"]
    directions = directions or ["desc"]
    if len(directions) == 1:
        directions *= len(keys)
    return _made_unique(list(zip(keys, directions, strict=True)))


def _made_unique(order: list[tuple[str, str]]) -> tuple[tuple[str, bool], ...]:
    """Without a unique last key, equal ones could change places between two pages. Each key counts once."""
    last = order[-1][1]
    order = list({key: (key, direction) for key, direction in reversed(order)}.values())[::-1]
    named = {key for key, _ in order}
    order += [(key, last) for key in ("created_at", "id") if key not in named]
    return tuple((key, direction == "desc") for key, direction in order)
