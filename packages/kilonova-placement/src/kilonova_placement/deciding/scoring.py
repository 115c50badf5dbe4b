"""Filter and weigh: a request and an index in, a score per row out. The index may be an excerpt of the whole one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints import Check
from kilonova_placement.deciding.criteria import OURS, Criteria
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score, multiplied, multiplier_of


def score(wanted: Wanted, index: Index, criteria: Criteria) -> Score:
    """The sum of the weights; minus infinity for who may not be chosen."""
    mask = passing(wanted, index, criteria)
    total: Score | None = None
    for _, weight in weights(wanted, index, criteria):
        total = weight if total is None else np.add(total, weight, out=total)
    if total is None:
        total = np.zeros(index.rows, np.float64)
    np.copyto(total, -np.inf, where=~mask)
    return total


def passing(wanted: Wanted, index: Index, criteria: Criteria = OURS) -> Mask:
    """The hosts that pass every constraint, as a mask over the rows."""
    mask = index.is_host[: index.rows].copy()
    for check in checks(wanted, index, criteria):
        check.narrow(mask)
    return mask


def checks(wanted: Wanted, index: Index, criteria: Criteria = OURS) -> Iterator[Check]:
    """Everything the request needs, in the order it is explained."""
    for constraint in criteria.constraints:
        yield from constraint(wanted, index)


def weights(wanted: Wanted, index: Index, criteria: Criteria) -> Iterator[tuple[str, Score]]:
    """What each weigher that has an opinion gives, times its multiplier."""
    own = index.attributes.multipliers
    for weigher, multiplier in criteria.counted:
        weight = weigher.weigh(wanted, index) if multiplier or weigher.name in own else None
        if weight is not None:
            yield weigher.name, multiplied(weight, weigher.name, multiplier, index)


def change_by_one(wanted: Wanted, index: Index, criteria: Criteria, row: int, already: int) -> float:
    """By how much a row's score changes when one more alike is put on it, where so many were put already."""
    change = 0.0
    for weigher, general in criteria.changing:
        if multiplier := multiplier_of(row, weigher.name, general, index):
            change += multiplier * weigher.after(wanted, index, row, already)
    return change
