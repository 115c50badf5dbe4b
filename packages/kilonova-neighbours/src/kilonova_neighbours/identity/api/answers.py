"""The shapes that all answers of the identity API share: links, lists and their filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from kilonova_neighbours.identity.api.permits import IdentityCall

Plain = dict[str, Any]

_TRUE = frozenset({"1", "t", "true", "on", "y", "yes", ""})
_FALSE = frozenset({"0", "f", "false", "off", "n", "no"})

_COMPARATORS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda have, want: want in have,
    "icontains": lambda have, want: want.lower() in have.lower(),
    "startswith": lambda have, want: have.startswith(want),
    "istartswith": lambda have, want: have.lower().startswith(want.lower()),
    "endswith": lambda have, want: have.endswith(want),
    "iendswith": lambda have, want: have.lower().endswith(want.lower()),
    "iexact": lambda have, want: have.lower() == want.lower(),
}


def origin(call: IdentityCall) -> str:
    """The cloud's URL as this client sees it, without the service's prefix."""
    return call.base_url.removesuffix("/v3").removesuffix("/identity")


def link(call: IdentityCall, *parts: str) -> str:
    """``link(call, "users", id)``: a resource's own URL."""
    return "/".join((call.base_url, *parts))


def with_link(call: IdentityCall, plain: Plain, collection: str, identifier: str | None = None) -> Plain:
    return {**plain, "links": {"self": link(call, collection, identifier or str(plain["id"]))}}


def query(call: IdentityCall) -> dict[str, str]:
    """The query string; of a repeated parameter the last one counts."""
    return dict(parse_qsl(call.request.query_string, keep_blank_values=True))


def is_true(text: str | None) -> bool:
    """A flag of the query: there and not a word for no."""
    return text is not None and text.strip().lower() not in _FALSE


def listing(call: IdentityCall, name: str, items: Sequence[Plain], filters: Iterable[str] = ()) -> Plain:
    """A list's answer, filtered by the parameters named here (and ``name__contains`` and its like)."""
    found = matching(items, query(call), frozenset(filters))
    question = f"?{call.request.query_string}" if call.request.query_string else ""
    links = {"self": call.own_url + question, "previous": None, "next": None}
    return {name: found, "links": links}


def matching(items: Sequence[Plain], wanted: Mapping[str, str], filters: frozenset[str]) -> list[Plain]:
    tests: list[Callable[[Plain], bool]] = []
    for parameter, value in wanted.items():
        attribute, _, comparator = parameter.partition("__")
        if attribute not in filters or (comparator and comparator not in _COMPARATORS):
            continue
        tests.append(_test(attribute, comparator, value))
    return [item for item in items if all(test(item) for test in tests)]


def _test(attribute: str, comparator: str, value: str) -> Callable[[Plain], bool]:
    if comparator:
        compare = _COMPARATORS[comparator]
        return lambda item: isinstance(item.get(attribute), str) and compare(item[attribute], value)
    return lambda item: _equal(item.get(attribute), value)


def _equal(have: Any, want: str) -> bool:
    if isinstance(have, bool):
        return have == (want.strip().lower() in _TRUE)
    return (have if have is not None else "") == want or str(have) == want
