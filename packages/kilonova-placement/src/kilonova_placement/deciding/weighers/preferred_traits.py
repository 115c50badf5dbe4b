"""Prefer hosts with more of the preferred traits: the share of them that the host has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted


def preferred_traits(wanted: Wanted, index: Index) -> NDArray[np.float64] | None:
    names = wanted.request.preferred_traits
    if not names:
        return None
    weight = np.zeros(index.rows, np.float64)
    for name in names:
        weight += index.traits.has(name, index.rows)
    weight /= len(names)
    return weight
