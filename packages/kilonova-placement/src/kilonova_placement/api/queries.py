"""Filters of the Placement API's query strings, read to types. Each raises BadRequest in the real service's words."""

from __future__ import annotations

from collections.abc import Iterable

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.versioned import Version

from kilonova_placement.app.filters import Labels

_REPEATED_MEMBER_OF, _FORBIDDEN_TRAITS, _FORBIDDEN_AGGREGATES, _ANY_TRAITS = (1, 24), (1, 22), (1, 32), (1, 39)


def read_resources(text: str | None) -> dict[str, int]:
    """``VCPU:4,DISK_GB:64``."""
    if text is None:
        return {}
    found: dict[str, int] = {}
    for item in text.split(","):
        name, _, amount = item.partition(":")
        if not name or not amount.isdecimal() or int(amount) < 1:
            raise BadRequest(
                f"Badly formed resources parameter. Expected resources query string parameter in form: "
                f"?resources=VCPU:2,MEMORY_MB:1024. Got: {text}."
            )
        found[name] = int(amount)
    return found


def read_member_of(values: Iterable[str], version: Version) -> Labels:
    """``UUID``, ``in:A,B``, and since 1.32 ``!UUID`` and ``!in:A,B``."""
    given = list(values)
    if len(given) > 1 and version < _REPEATED_MEMBER_OF:
        raise BadRequest("Invalid query string parameters: member_of may be given once before 1.24")
    wanted, unwanted = list[frozenset[str]](), set[str]()
    for value in given:
        forbidden = value.startswith("!")
        if forbidden and version < _FORBIDDEN_AGGREGATES:
            raise BadRequest("Forbidden member_of parameters are not supported in the specified microversion")
        names = frozenset(value.removeprefix("!").removeprefix("in:").split(","))
        if forbidden:
            unwanted |= names
        else:
            wanted.append(names)
    return Labels(tuple(wanted), frozenset(unwanted))


def read_required(values: Iterable[str], version: Version, known: Iterable[str]) -> Labels:
    """``A,B``, since 1.22 ``!C``, since 1.39 ``in:A,B`` and repetition."""
    given = list(values)
    if len(given) > 1 and version < _ANY_TRAITS:
        given = given[-1:]  # as the real service: the last one counts
    wanted, unwanted = list[frozenset[str]](), set[str]()
    for value in given:
        if value.startswith("in:") and version >= _ANY_TRAITS:
            wanted.append(frozenset(value.removeprefix("in:").split(",")))
            continue
        for name in value.split(","):
            if name.startswith("!") and version >= _FORBIDDEN_TRAITS:
                unwanted.add(name[1:])
            else:
                wanted.append(frozenset((name,)))
    _refuse_unknown({name for group in wanted for name in group} | unwanted, known)
    return Labels(tuple(wanted), frozenset(unwanted))


def _refuse_unknown(names: set[str], known: Iterable[str]) -> None:
    if "" in names or any(name.startswith("!") for name in names):
        raise BadRequest(
            "Invalid query string parameters: Expected 'required' parameter value of the form: "
            "HW_CPU_X86_VMX,CUSTOM_MAGIC."
        )
    if missing := sorted(names - set(known)):
        raise BadRequest(f"No such trait(s): {', '.join(missing)}.")
