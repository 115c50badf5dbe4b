"""How many guests a host has. A hundred weigh 1."""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score

_SCALE = 1 / 100


def guests(wanted: Wanted, index: Index) -> Score | None:
    return np.multiply(index.attributes.guests[: index.rows], _SCALE, dtype=np.float64)


def guests_after(wanted: Wanted, index: Index, row: int, already: int) -> float:
    return _SCALE
