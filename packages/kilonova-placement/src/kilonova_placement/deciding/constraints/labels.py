"""Terms about labels. A term is tried on the few values that there are of its key, not on every host."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from kilonova_placement.deciding.attributes import label
from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.model.requests import Comparison, LabelTerm

#: How the value of a host is compared with the term's, and how people say it.
_TESTS: dict[Comparison, tuple[Callable[[Any, Any], bool], str]] = {
    Comparison.IS: (operator.eq, "="),
    Comparison.IS_NOT: (operator.ne, " other than "),
    Comparison.AT_LEAST: (operator.ge, " at least "),
    Comparison.AT_MOST: (operator.le, " at most "),
    Comparison.ABOVE: (operator.gt, " above "),
    Comparison.BELOW: (operator.lt, " below "),
    Comparison.CONTAINS: (operator.contains, " with "),
}
#: Tests that must hold against all values of a term, not only one.
_ALL = (Comparison.IS_NOT, Comparison.CONTAINS)


def labels(wanted: Wanted, index: Index) -> list[Check]:
    known = index.attributes.values
    return [_check(term, index) for term in wanted.request.place.labels if term.key in known or not term.or_absent]


def _check(term: LabelTerm, index: Index) -> Check:
    right = [label(term.key, value) for value in index.attributes.values.get(term.key, ()) if holds(term, value)]

    def narrow(mask: Mask) -> None:
        there = index.attributes.labels
        if not term.or_absent:
            there.keep_with_any(right, mask)
            return
        has_key = there.has(term.key, len(mask))
        is_right = has_key.copy()
        there.keep_with_any(right, is_right)
        mask &= is_right | ~has_key

    def lacks(rows: Rows) -> Miss:
        if term.or_absent:
            return Miss(f"{plural(len(rows), 'has', 'have')} another {term.key} than {' or '.join(term.values)}")
        return Miss(f"{plural(len(rows), 'is', 'are')} not labelled {said}")

    said = in_words(term)
    has = (f"is labelled {said}", f"are labelled {said}")
    if term.or_absent:
        has = (f"has no other {term.key}", f"have no other {term.key}")
    return Check(f"label {term.key}", narrow, has, lacks)


def holds(term: LabelTerm, value: str) -> bool:
    """Whether a host's value passes the term's test."""
    compare, _ = _TESTS[term.test]
    enough = all if term.test in _ALL else any
    if not term.as_numbers or term.test is Comparison.CONTAINS:
        return enough(compare(value, asked) for asked in term.values)
    try:
        number = float(value)
        return enough(compare(number, float(asked)) for asked in term.values)
    except ValueError:
        return False


def in_words(term: LabelTerm) -> str:
    """``rack=r1 or r2``, ``size at least 5``."""
    return f"{term.key}{_TESTS[term.test][1]}{' or '.join(term.values)}"
