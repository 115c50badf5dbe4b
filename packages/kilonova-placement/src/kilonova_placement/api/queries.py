"""Filters of the Placement API's query strings, read to types. Each raises BadRequest in the real service's words."""

from __future__ import annotations

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.versioned import Version
from kilonova_kit.ids import is_uuid_like

from kilonova_placement.api.reading import Parameters
from kilonova_placement.app.filters import Labels
from kilonova_placement.model.providers import MOST

_REPEATED_MEMBER_OF, _FORBIDDEN_TRAITS, _FORBIDDEN_AGGREGATES, _ANY_TRAITS = (1, 24), (1, 22), (1, 32), (1, 39)
_INVALID = "Invalid query string parameters: "
_BADLY_FORMED = (
    "Badly formed resources parameter. Expected resources query string parameter in form: "
    "?resources=VCPU:2,MEMORY_MB:1024. Got: "
)


def read_resources(text: str) -> dict[str, int]:
    """``VCPU:4,DISK_GB:64``."""
    if not text.strip():
        raise BadRequest(f"{_BADLY_FORMED}empty string.")
    found: dict[str, int] = {}
    for item in text.split(","):
        if item.count(":") != 1:
            raise BadRequest(f"{_BADLY_FORMED}{item}.")
        name, _, amount = item.partition(":")
        found[name] = _amount(name, amount)
    return found


def _amount(name: str, text: str) -> int:
    try:
        amount = int(text)
    except ValueError:
        raise BadRequest(f"Requested resource {name} expected positive integer amount. Got: {text}.") from None
    if amount < 1:
        raise BadRequest(f"Requested resource {name} requires amount >= 1. Got: {amount}.")
    return min(amount, MOST + 1)  # which nobody has either, and the index can compare


def read_member_of(given: Parameters, version: Version, suffix: str = "") -> Labels:
    """``UUID``, ``in:A,B``, and since 1.32 ``!UUID`` and ``!in:A,B``."""
    values = given.all(f"member_of{suffix}")
    if len(values) > 1 and version < _REPEATED_MEMBER_OF:
        raise BadRequest(f"Multiple member_of{suffix} parameters are not supported")
    wanted, unwanted = list[frozenset[str]](), set[str]()
    for value in values:
        names = _aggregates(value)
        if not value.startswith("!"):
            wanted.append(names)
        elif version < _FORBIDDEN_AGGREGATES:
            raise BadRequest(f"Forbidden member_of{suffix} parameters are not supported in the specified microversion")
        else:
            unwanted |= names
    return Labels(tuple(wanted), frozenset(unwanted))


def _aggregates(value: str) -> frozenset[str]:
    plain = value.removeprefix("!")
    if "," in plain and not plain.startswith("in:"):
        raise BadRequest(
            "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid "
            f"microversion. Got: {value}"
        )
    names = plain.removeprefix("in:").split(",") if plain.startswith("in:") else [plain]
    for name in names:
        if not is_uuid_like(name):
            raise BadRequest(f"{_INVALID}Expected 'member_of' parameter to contain valid UUID(s). Got: {name}")
    return frozenset(names)


def read_required(given: Parameters, version: Version, suffix: str = "") -> Labels:
    """``A,B``, since 1.22 ``!C``, since 1.39 ``in:A,B`` and repetition (before, the last one counts)."""
    values = given.all(f"required{suffix}")
    wanted, unwanted = list[frozenset[str]](), set[str]()
    for value in values if version >= _ANY_TRAITS else values[-1:]:
        if value.startswith("in:"):
            wanted.append(_any_trait(value, version))
        else:
            required, forbidden = read_traits(value, forbidden=version >= _FORBIDDEN_TRAITS)
            wanted += [frozenset((name,)) for name in required]
            unwanted |= set(forbidden)
    return Labels(tuple(wanted), frozenset(unwanted))


def _any_trait(value: str, version: Version) -> frozenset[str]:
    if version < _ANY_TRAITS:
        raise BadRequest(
            f"{_INVALID}The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. "
            f"Got: {value}"
        )
    names = [name.strip() for name in value.removeprefix("in:").split(",")]
    if not all(names):
        raise BadRequest(
            f"{_INVALID}Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. "
            f"Got an empty trait in: {value}"
        )
    if any(name.startswith("!") for name in names):
        raise BadRequest(
            f"{_INVALID}The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support forbidden traits. Got: {value}"
        )
    return frozenset(names)


def read_traits(value: str, *, forbidden: bool) -> tuple[list[str], list[str]]:
    """Required and forbidden traits of ``A,!B``. Any number of ``!`` means one."""
    names = [name.strip() for name in value.split(",")]
    unwanted = [name.lstrip("!") for name in names if name.startswith("!")]
    form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC" if forbidden else "HW_CPU_X86_VMX,CUSTOM_MAGIC"
    expected = f"{_INVALID}Expected 'required' parameter value of the form: {form}."
    if not all([*names, *unwanted]):
        raise BadRequest(f"{expected} Got an empty trait in: {value}")
    if unwanted and not forbidden:
        raise BadRequest(f"{expected} Got: {value}")
    return [name for name in names if not name.startswith("!")], unwanted


def read_in_tree(value: str) -> str:
    if not is_uuid_like(value.strip()):
        raise BadRequest(f"{_INVALID}Expected 'in_tree' parameter to be a format of uuid. Got: {value}")
    return value.strip()
