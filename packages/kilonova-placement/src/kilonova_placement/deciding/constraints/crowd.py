"""Hosts that have as many guests as they may, or as many that arrive at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.attributes import NO_LIMIT
from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted

_Numbers = NDArray[np.int32]


def crowd(wanted: Wanted, index: Index) -> list[Check]:
    here, checks = index.attributes, list[Check]()
    if here.limits_guests:
        checks.append(_fewer("guests", here.guests, here.most_guests, "guests"))
    if here.limits_arriving:
        checks.append(
            _fewer("arriving guests", here.arriving, here.most_arriving, "guests that came in the last minute")
        )
    return checks


def room(index: Index, row: int) -> int:
    """How many more guests this host may have at once."""
    here = index.attributes
    if not (here.limits_guests or here.limits_arriving):
        return NO_LIMIT
    guests, arriving = here.most_guests[row] - here.guests[row], here.most_arriving[row] - here.arriving[row]
    return int(min(guests, arriving))


def _fewer(name: str, number: _Numbers, most: _Numbers, what: str) -> Check:
    def narrow(mask: Mask) -> None:
        np.logical_and(mask, number[: len(mask)] < most[: len(mask)], out=mask)

    def lacks(rows: Rows) -> Miss:
        row = int(rows[int(np.argmin(number[rows] - most[rows]))])
        several = "" if len(rows) == 1 else "the nearest "
        return Miss(f"{plural(len(rows), 'has', 'have')} too many {what}, {several}{number[row]} of {most[row]}", row)

    return Check(name, narrow, (f"has room for {name}", f"have room for {name}"), lacks)
