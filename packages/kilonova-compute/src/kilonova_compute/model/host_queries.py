"""The hint ``query``: a question about hosts in nova's JsonFilter language, as ``[">=", "$free_ram_mb", 1024]``.

    ["=" | "<" | ">" | "<=" | ">=", first, others...]   the first compares so with each of the others
    ["in", first, others...]                            the first is one of the others
    ["and" | "or" | "not", answers...]                  of other questions

A text that begins with ``$`` is a fact of the host. Whatever cannot be answered is refused, for every host alike.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Facts = Mapping[str, str | int]

#: What may be asked about.
FACTS = (
    "free_ram_mb", "free_disk_mb", "total_usable_ram_mb", "total_usable_disk_gb", "disk_mb_used", "vcpus_total",
    "vcpus_used", "num_instances", "host", "nodename", "hypervisor_hostname", "hypervisor_type", "hypervisor_version",
    "host_ip",
)  # fmt: skip

#: What changes with every server.
_OF_USE = ("$free_", "$disk_mb_used", "$vcpus_used", "$num_instances")
_DEEPEST, _LONGEST = 16, 2048
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class CannotAsk(ValueError):
    """The question makes no sense; the message says why."""


def read_query(text: str) -> list[Any]:
    """Raises CannotAsk for what is no JSON list, or too long: every host is asked, and everybody may ask."""
    if len(text) > _LONGEST:
        raise CannotAsk(f"it has more than {_LONGEST} characters")
    try:
        query = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CannotAsk("it is not JSON") from error
    if not isinstance(query, list):
        raise CannotAsk("it is not a list that begins with an operator")
    return query


def asks_what_is_used(text: str) -> bool:
    """Whether the answer may depend on what is on the hosts, not only on what they are."""
    return any(fact in text for fact in _OF_USE)


def holds(query: list[Any], facts: Facts) -> bool:
    """Whether the host of these facts answers the question. An empty question is answered by all. Raises CannotAsk."""
    return not query or _true(_answer(query, facts, 0))


def _true(answer: Any) -> bool:
    return any(answer) if isinstance(answer, list) else bool(answer)


def _answer(query: list[Any], facts: Facts, depth: int) -> Any:
    if depth > _DEEPEST:
        raise CannotAsk("it is nested too deep")
    name, *rest = query or [""]
    values = [_value(one, facts, depth) for one in rest]
    if name in ("and", "or"):
        return (all if name == "and" else any)(_true(value) for value in values)
    if name == "not":
        return [not _true(value) for value in values]
    if name == "in":
        return len(values) > 1 and values[0] in values[1:]
    if not isinstance(name, str) or name not in _COMPARISONS:
        raise CannotAsk(f"there is no operator {name!r}")
    return _compared(name, values)


def _value(given: Any, facts: Facts, depth: int) -> Any:
    if isinstance(given, list):
        return _answer(given, facts, depth + 1)
    if isinstance(given, str) and given.startswith("$"):
        if given[1:] not in FACTS:
            raise CannotAsk(f"nothing is known as {given}; there are ${', $'.join(FACTS)}")
        return facts[given[1:]]
    return given


def _compared(name: str, values: list[Any]) -> bool:
    try:
        return len(values) > 1 and all(_COMPARISONS[name](values[0], value) for value in values[1:])
    except TypeError as error:
        raise CannotAsk(f"{values[0]!r} cannot be compared with {values[1:]} by {name}") from error
