"""Hosts that are only for some: a request must carry every mark that such a host asks for."""

from __future__ import annotations

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted

_MOST_NAMED = 5


def marks(wanted: Wanted, index: Index) -> list[Check]:
    if not index.attributes.marks:
        return []
    closed = sorted(index.attributes.marks.difference(wanted.request.place.carries))
    return [_without(closed, index)] if closed else []


def _without(closed: list[str], index: Index) -> Check:
    sets = index.attributes.only_for

    def narrow(mask: Mask) -> None:
        sets.keep_without(closed, mask)

    def lacks(rows: Rows) -> Miss:
        missing = [mark for mark in closed if sets.has(mark, index.rows)[rows].any()]
        said = ", ".join(missing[:_MOST_NAMED])
        return Miss(f"{plural(len(rows), 'is', 'are')} kept for others ({said})")

    return Check("only for", narrow, ("is for anybody", "are for anybody"), lacks)
