"""Traits a host must have, and traits it must not have."""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted

_MOST_NAMED = 5


def traits(wanted: Wanted, index: Index) -> list[Check]:
    checks: list[Check] = []
    if wanted.required:
        checks.append(_required(wanted.required, index))
    if wanted.forbidden:
        checks.append(_forbidden(wanted.forbidden, index))
    return checks


def _required(names: tuple[str, ...], index: Index) -> Check:
    def narrow(mask: Mask) -> None:
        index.traits.keep_with_all(names, mask)

    def lacks(rows: Rows) -> Miss:
        row, missing = _fewest_missing(names, rows, index)
        if len(names) == 1:
            return Miss(f"{plural(len(rows), 'lacks', 'lack')} the trait {names[0]}", row)
        said = ", ".join(missing[:_MOST_NAMED])
        return Miss(f"{plural(len(rows), 'lacks', 'lack')} required traits, the nearest only {said}", row)

    noun = plural(len(names), "trait", "traits")
    return Check("required traits", narrow, (f"has the required {noun}", f"have the required {noun}"), lacks)


def _fewest_missing(names: tuple[str, ...], rows: Rows, index: Index) -> tuple[int, list[str]]:
    """The removed host that lacks the fewest of the traits, and which it lacks."""
    has = {name: index.traits.has(name, index.rows)[rows] for name in names}
    nearest = int(np.argmax(sum(found.astype(np.int64) for found in has.values())))
    return int(rows[nearest]), [name for name, found in has.items() if not found[nearest]]


def _forbidden(names: tuple[str, ...], index: Index) -> Check:
    def narrow(mask: Mask) -> None:
        index.traits.keep_without(names, mask)

    def lacks(rows: Rows) -> Miss:
        return Miss(f"{plural(len(rows), 'has', 'have')} a forbidden trait ({', '.join(names[:_MOST_NAMED])})")

    has = ("has no forbidden trait", "have no forbidden trait")
    return Check("forbidden traits", narrow, has, lacks)
