"""How many guests came to a host within the last minute: load. Thirty-two weigh 1, less than what packing gains."""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score

_SCALE = 1 / 32


def arriving(wanted: Wanted, index: Index) -> Score | None:
    if not index.attributes.has_arrivals:
        return None
    return np.multiply(index.attributes.arriving[: index.rows], _SCALE, dtype=np.float64)


def arriving_after(wanted: Wanted, index: Index, row: int, already: int) -> float:
    return _SCALE
