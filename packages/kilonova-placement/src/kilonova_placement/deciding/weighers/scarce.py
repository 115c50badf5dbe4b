"""Spare hosts with things that few have (devices, huge pages) for those who ask for them: eight kinds weigh -1.

What every host has is not scarce: cores, memory and disk. A kind of which nothing is left is nothing to spare.
"""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score

_EVERYWHERE = frozenset({"VCPU", "PCPU", "MEMORY_MB", "NUMA_MEMORY_MB", "DISK_GB"})
_SCALE = 1 / 8


def scarce(wanted: Wanted, index: Index) -> Score | None:
    if index.classes.keys() <= _EVERYWHERE:
        return None
    asked = {item.resource_class for item in wanted.amounts}
    kinds = np.zeros(index.rows, np.int32)
    for name, columns in index.classes.items():
        if name not in _EVERYWHERE and name not in asked:
            kinds += columns.free[: index.rows] > 0
    return np.multiply(kinds, -_SCALE, dtype=np.float64)
