"""What a weigher is, and how much it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted

Score = NDArray[np.float64]
#: By the name of a weigher; one that is not named counts as it says itself.
Multipliers = Mapping[str, float]


def nothing_after(wanted: Wanted, index: Index, row: int, already: int) -> float:
    """What is preferred is not used up."""
    return 0.0


class Weigher(NamedTuple):
    """``weigh``: a weight per row in a new array, or None for no opinion. ``multiplier``: how much it counts.

    ``after``: by how much the weight of a row changes with one more alike, when ``already`` so many were put there.
    """

    name: str
    weigh: Callable[[Wanted, Index], Score | None]
    after: Callable[[Wanted, Index, int, int], float] = nothing_after
    multiplier: float = 1.0


def multiplied(weight: Score, name: str, multiplier: float, index: Index) -> Score:
    """The weight times the general multiplier, or what counts for a host instead."""
    own = index.attributes.multipliers.get(name)
    if own is None:
        return weight if multiplier == 1.0 else np.multiply(weight, multiplier, out=weight)
    own = own[: len(weight)]
    return np.multiply(weight, np.where(np.isnan(own), multiplier, own), out=weight)


def multiplier_of(row: int, name: str, multiplier: float, index: Index) -> float:
    """What counts for this host."""
    own = index.attributes.multipliers.get(name)
    return multiplier if own is None or np.isnan(own[row]) else float(own[row])
