"""Who is best: one small file per weigher. A weigher adds to a score over all rows; the highest score wins.

``amounts_free`` (RAM, VCPU, disk) spreads with a positive multiplier and packs with a negative one, as Nova's
ram_weight_multiplier and its kin do; the scale is the largest host, so a weight lies between 0 and 1.

The law of constraints holds for weighers too: a host's weight is of its own row and tree, and is kept until
``index.changed`` or ``index.scale`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.amounts_free import (
    disk_after,
    disk_free,
    ram_after,
    ram_free,
    vcpu_after,
    vcpu_free,
)
from kilonova_placement.deciding.weighers.preferred_traits import nothing_after, preferred_traits

Score = NDArray[np.float64]


class Weigher(NamedTuple):
    """``weigh``: a weight per row, or None for no opinion. ``after``: how much one more alike on a row changes it."""

    name: str
    weigh: Callable[[Wanted, Index], Score | None]
    after: Callable[[Wanted, Index], float]


WEIGHERS: tuple[Weigher, ...] = (
    Weigher("ram", ram_free, ram_after),
    Weigher("vcpu", vcpu_free, vcpu_after),
    Weigher("disk", disk_free, disk_after),
    Weigher("preferred_traits", preferred_traits, nothing_after),
)

#: By the name of a weigher; one that is not named counts once.
Multipliers = Mapping[str, float]
