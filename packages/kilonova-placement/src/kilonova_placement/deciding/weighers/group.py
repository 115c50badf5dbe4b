"""Prefer hosts with many members of the group (soft-affinity), or with few (soft-anti-affinity).

The weight is the number of the other members there, so each counts as much as the whole span of another weigher.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.model.groups import GroupPolicy


def _members(policy: GroupPolicy, sign: float, wanted: Wanted, index: Index) -> NDArray[np.float64] | None:
    if wanted.group is None or wanted.group.policy is not policy:
        return None
    weight = np.zeros(index.rows, np.float64)
    for row, number in wanted.group.others.items():
        weight[row] = sign * number
    return weight


def _after(policy: GroupPolicy, sign: float, wanted: Wanted, index: Index, row: int, already: int) -> float:
    return sign if wanted.group is not None and wanted.group.policy is policy else 0.0


soft_affinity = partial(_members, GroupPolicy.SOFT_AFFINITY, 1.0)
soft_affinity_after = partial(_after, GroupPolicy.SOFT_AFFINITY, 1.0)
soft_anti_affinity = partial(_members, GroupPolicy.SOFT_ANTI_AFFINITY, -1.0)
soft_anti_affinity_after = partial(_after, GroupPolicy.SOFT_ANTI_AFFINITY, -1.0)
