"""What a body's values must be, in the words of neutron_lib/api/converters.py and validators.

A converter takes the attribute's name and the value, and gives the value to keep or raises BadRequest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import msgspec
from kilonova_kit.ids import is_uuid_like

from kilonova_neighbours.network.model.refusals import bad_attribute, invalid, invalid_input

Converter = Callable[[str, Any], Any]

_MAC = re.compile(r"[0-9a-fA-F]{2}([:-]?[0-9a-fA-F]{2}){5}")
_TRUE, _FALSE = ("true", "1"), ("false", "0")


def anything(name: str, value: Any) -> Any:
    return value


def boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if isinstance(value, str | int) and word in (*_TRUE, *_FALSE):
        return word in _TRUE
    raise invalid_input(f"'{value}' cannot be converted to boolean")


def text(most: int = 255) -> Converter:
    def convert(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise bad_attribute(name, f"'{value}' is not a valid string")
        if len(value) > most:
            raise bad_attribute(name, f"'{value}' exceeds maximum length of {most}")
        return value

    return convert


def or_none(inner: Converter) -> Converter:
    def convert(name: str, value: Any) -> Any:
        return None if value is None else inner(name, value)

    return convert


def text_or_empty(name: str, value: Any) -> str:
    """Text; null means that there is none."""
    return "" if value is None else str(text()(name, value))


def uuid(name: str, value: Any) -> str:
    if not isinstance(value, str) or not is_uuid_like(value):
        raise bad_attribute(name, f"'{value}' is not a valid UUID")
    return value


def number(low: int | None = None, high: int | None = None) -> Converter:
    def convert(name: str, value: Any) -> int:
        try:
            found = int(value)
        except (TypeError, ValueError):
            raise invalid_input(f"'{value}' is not an integer") from None
        if isinstance(value, bool | float):
            raise invalid_input(f"'{value}' is not an integer")
        if low is not None and found < low:
            raise bad_attribute(name, f"'{value}' is too small - must be at least '{low}'")
        if high is not None and found > high:
            raise bad_attribute(name, f"'{value}' is too large - must be no larger than '{high}'")
        return found

    return convert


def one_of(*values: Any) -> Converter:
    def convert(name: str, value: Any) -> Any:
        if value not in values:
            raise bad_attribute(name, f"'{value}' is not in {list(values)}")
        return value

    return convert


def mac(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _MAC.fullmatch(value):
        raise bad_attribute(name, f"'{value}' is not a valid MAC address")
    digits = re.sub("[:-]", "", value).lower()
    if digits in ("0" * 12, "f" * 12):
        raise bad_attribute(name, f"'{value}' is not a valid MAC address")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def address(name: str, value: Any) -> str:
    try:
        if isinstance(value, str) and "/" not in value:
            return str(ip_address(value))
    except ValueError:
        pass
    raise bad_attribute(name, f"'{value}' is not a valid IP address")


def _network(value: Any) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        return None


def cidr(name: str, value: Any) -> str:
    """A range; bits of a host in it are dropped, as Neutron drops them."""
    found = _network(value)
    if found is not None and "/" in value:
        return str(found)
    if found is not None:
        raise bad_attribute(name, f"'{value}' isn't a recognized IP subnet cidr, '{found}' is recommended")
    raise bad_attribute(name, f"'{value}' is not a valid IP subnet")


def prefix(name: str, value: Any) -> str | None:
    """An address or a range, as a range, host bits kept (remote_ip_prefix)."""
    if value in (None, ""):
        return None
    loose = _network(value)
    if loose is None:
        raise invalid("InvalidCIDR", f"Invalid CIDR {value} given as IP prefix.")
    return str(value) if "/" in value else str(loose)


def address_or_range(name: str, value: Any) -> str:
    if _network(value) is None:
        raise bad_attribute(name, f"'{value}' is not a valid IP subnet")
    return str(value)


def has_repetitions(items: Sequence[Any]) -> bool:
    """Whether plain data holds something twice; found in one pass, for a body may have many thousands."""
    return len({msgspec.json.encode(item, order="deterministic") for item in items}) < len(items)


def list_of(inner: Converter, *, unique: bool = True) -> Converter:
    def convert(name: str, value: Any) -> list[Any]:
        if value is None or value == "":
            return []
        if not isinstance(value, list):
            raise bad_attribute(name, f"'{value}' is not a list")
        items = [inner(name, item) for item in value]
        if unique and has_repetitions(items):
            raise bad_attribute(name, f"Duplicate items in the list: '{', '.join(map(str, value))}'")
        return items

    return convert


def mapping_or_empty(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None else mapping(name, value)


def mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_attribute(name, f"'{value}' is not a dictionary")
    return value


def shaped(required: dict[str, Converter], optional: dict[str, Converter] | None = None) -> Converter:
    """An object with these keys and no others."""
    known = {**required, **(optional or {})}

    def convert(name: str, value: Any) -> dict[str, Any]:
        given = mapping(name, value)
        if unknown := given.keys() - known.keys():
            raise bad_attribute(name, f"Invalid data format: unexpected keys supplied: {', '.join(sorted(unknown))}")
        if missing := required.keys() - given.keys():
            raise bad_attribute(name, f"Invalid data format: required keys missing: {', '.join(sorted(missing))}")
        return {key: known[key](name, item) for key, item in given.items()}

    return convert


def fixed_ips(name: str, value: Any) -> list[dict[str, Any]] | None:
    if value is None:
        return None
    wishes: list[dict[str, Any]] = list_of(shaped({}, {"subnet_id": uuid, "ip_address": address}), unique=False)(
        name, value
    )
    given = Counter(wish["ip_address"] for wish in wishes if "ip_address" in wish)
    for one, times in given.most_common(1):
        if times > 1:
            raise bad_attribute(name, f"Duplicate IP address '{one}'")
    if any(not wish for wish in wishes):
        raise bad_attribute(name, "IP allocation requires subnet_id or ip_address")
    return wishes
