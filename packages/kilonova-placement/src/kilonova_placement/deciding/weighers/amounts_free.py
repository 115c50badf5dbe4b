"""Prefer hosts with the most of a class left (spread); a negative multiplier prefers the least (pack)."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted


def _free(resource_class: str, wanted: Wanted, index: Index) -> NDArray[np.float64] | None:
    columns = index.classes.get(resource_class)
    if columns is None:
        return None
    return np.multiply(columns.free[: index.rows], 1.0 / columns.largest_capacity)


def _after(resource_class: str, wanted: Wanted, index: Index, row: int, already: int) -> float:
    for item in wanted.amounts:
        if item.resource_class == resource_class and item.columns is not None:
            return -item.amount / item.columns.largest_capacity
    return 0.0


ram_free, ram_after = partial(_free, "MEMORY_MB"), partial(_after, "MEMORY_MB")
vcpu_free, vcpu_after = partial(_free, "VCPU"), partial(_after, "VCPU")
disk_free, disk_after = partial(_free, "DISK_GB"), partial(_after, "DISK_GB")
