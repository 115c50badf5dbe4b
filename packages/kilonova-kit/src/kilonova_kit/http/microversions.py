"""Which version was asked for, and the headers that say which one answered.

The rules are those of the API SIG's microversion guideline and of the real services: no header means the minimum,
``latest`` means the maximum, nonsense is a 400 and a version that is not served a 406.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from kilonova_kit.errors import BadRequest, NotAcceptable
from kilonova_kit.http.versioned import Version

_VERSION = re.compile(r"([1-9]\d*)\.([1-9]\d*|0)")
_ANY_NUMBERS = re.compile(r"(\d+)\.(\d+)")


class Microversions(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The versions a service speaks. ``service_type`` stands in the header: ``compute 2.90``."""

    service_type: str
    minimum: Version
    maximum: Version
    #: An older header with a bare version, as ``X-OpenStack-Nova-API-Version``.
    legacy_header: str = ""
    #: The service's own words for a version that is not served and for one that is none.
    not_served: str = "Version {asked} is not supported by the API. Minimum is {minimum} and maximum is {maximum}."
    #: ``0.5`` is a version that is not served (406), instead of none (400).
    any_numbers: bool = False
    #: How the header ``Vary`` spells it.
    vary: str = "OpenStack-API-Version"
    malformed: str = "API Version String '{asked}' is of invalid format. Must be of format MajorNum.MinorNum."


def text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def asked_version(spoken: Microversions, header: Callable[[str], str | None]) -> Version:
    """Read the headers. Raises BadRequest or NotAcceptable."""
    given = header("OpenStack-API-Version")
    legacy = header(spoken.legacy_header) if spoken.legacy_header else None
    return _version_of(spoken, given or "", legacy or "") if given or legacy else spoken.minimum


@lru_cache(maxsize=1024)
def _version_of(spoken: Microversions, given: str, legacy: str) -> Version:
    """Clients say the same again and again. What raises is not kept."""
    wanted = _wanted(spoken, given) or legacy.strip().lower()
    if not wanted:
        return spoken.minimum
    if wanted == "latest":
        return spoken.maximum
    found = (_ANY_NUMBERS if spoken.any_numbers else _VERSION).fullmatch(wanted)
    if not found:
        raise BadRequest(spoken.malformed.format(asked=wanted))
    version = (int(found[1]), int(found[2]))
    if not spoken.minimum <= version <= spoken.maximum:
        bounds = {"minimum": text(spoken.minimum), "maximum": text(spoken.maximum)}
        raise NotAcceptable(spoken.not_served.format(asked=wanted, **bounds))
    return version


def _wanted(spoken: Microversions, given: str) -> str:
    """What the header asks of this service; empty when it speaks of others only."""
    for part in given.split(","):
        words = part.split()
        if len(words) == 2 and words[0].lower() == spoken.service_type:
            return words[1].lower()
    return ""


def version_headers(spoken: Microversions, version: Version) -> dict[str, str]:
    headers = {"OpenStack-API-Version": f"{spoken.service_type} {text(version)}", "Vary": spoken.vary}
    if spoken.legacy_header:
        headers[spoken.legacy_header] = text(version)
        headers["Vary"] += f", {spoken.legacy_header}"
    return headers
