"""Values that bodies are made of, with the public API's limits (nova, api/validation/parameter_types.py)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Annotated, Any

from kilonova_kit.errors import BadRequest
from kilonova_kit.ids import is_uuid_like
from msgspec import Meta

#: Printable, and neither begun nor ended by a space.
Name = Annotated[
    str, Meta(min_length=1, max_length=255, pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$(?!\n)")
]
Description = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Hostname = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9-._]*$(?!\n)")]
Tag = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^,/]*$(?!\n)")]
#: Read by ``as_bool``; the number is here only to be refused, else 1 would pass for true.
Flag = bool | int | str
UserData = Annotated[str, Meta(max_length=65535)]
Certificates = Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1, max_length=50)]

_SHORT_HOSTNAME = re.compile(r"^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$")
_METADATA_KEY = re.compile(r"^[a-zA-Z0-9-_:. ]{1,255}$")
_DIGITS = re.compile(r"[0-9]+")
_MOST_DIGITS, _LARGEST = 18, 10**18
_TRUE = frozenset({"true", "1", "on", "yes"})
_FALSE = frozenset({"false", "0", "off", "no"})
#: What one server may have.
MOST_TAGS = 50


def invalid(field: str, value: object, why: str) -> BadRequest:
    """A 400 in the words of the real API's schema errors."""
    return BadRequest(f"Invalid input for field/attribute {field}. Value: {value}. {why}")


def as_bool(field: str, value: Flag) -> bool:
    """Read a boolean as the API spells it: true, ``"True"``, ``"on"``, ``"yes"``, ``"1"`` and their opposites."""
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise invalid(field, value, f"'{value}' is not a boolean")


def as_positive(field: str, value: int | str) -> int:
    """Read a number of at least one, which may come as text."""
    number = digits(value) if isinstance(value, str) else value
    if number is None:
        raise invalid(field, value, f"'{value}' does not match '^[0-9]*$'")
    if number < 1:
        raise invalid(field, value, f"{number} is less than the minimum of 1")
    return number


def whole_text(name: str, text: str) -> int:
    """A query parameter that is a whole number. Raises BadRequest."""
    if (number := digits(text)) is None:
        raise BadRequest(
            f"Invalid input for query parameters {name}. Value: {text}. '{text}' does not match '^[0-9]*$'"
        )
    return number


def digits(text: str) -> int | None:
    """The number that plain digits say, None for any other text; what no column holds is as good as the largest."""
    if not _DIGITS.fullmatch(text):
        return None
    said = text.lstrip("0")
    return int(said or "0") if len(said) <= _MOST_DIGITS else _LARGEST


def check_uuid(field: str, value: str) -> str:
    if not is_uuid_like(value):
        raise invalid(field, value, f"'{value}' is not a 'uuid'")
    return value


def check_base64(field: str, value: str) -> str:
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(field, value, "it is not a 'base64'") from None
    return value


def check_address(field: str, value: str, version: int | None = None) -> str:
    """An IP address, of one version where it matters, in its shortest form."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        address = None
    if address is None or (version is not None and address.version != version):
        kind = f"ipv{version}" if version else "ip address"
        raise invalid(field, value, f"'{value}' is not a '{kind}'")
    return str(address)


def check_metadata(metadata: dict[str, Any], field: str = "metadata") -> dict[str, str]:
    """Keys of 1 to 255 plain characters, values of text up to 255."""
    for key, value in metadata.items():
        if not _METADATA_KEY.fullmatch(key):
            raise invalid(field, metadata, f"'{key}' does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{{1,255}}$'")
        if not isinstance(value, str):
            raise invalid(key, value, f"{value} is not of type 'string'")
        if len(value) > 255:
            raise invalid(key, value, f"'{value}' is too long")
    return metadata


def check_short_hostname(value: str) -> str:
    """A hostname without dots, as before names with a domain were allowed."""
    if not 2 <= len(value) <= 63 or not _SHORT_HOSTNAME.fullmatch(value):
        raise invalid("hostname", value, f"'{value}' does not match '{_SHORT_HOSTNAME.pattern}'")
    return value
