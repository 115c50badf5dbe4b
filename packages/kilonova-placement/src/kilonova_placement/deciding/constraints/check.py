"""One check of a constraint: what it lets through, and how to speak about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.bits import Mask

Rows = NDArray[np.intp]


class Miss(NamedTuple):
    """What the removed hosts lack, in words that follow "3 hosts ...". ``row`` is the one that came nearest, or -1."""

    words: str
    row: int = -1


class Check(NamedTuple):
    """``narrow`` takes out of the mask who fails. ``has`` says what the others are, for one host and for many."""

    name: str
    narrow: Callable[[Mask], None]
    has: tuple[str, str]
    lacks: Callable[[Rows], Miss]


def plural(number: int, one: str, many: str) -> str:
    return one if number == 1 else many
