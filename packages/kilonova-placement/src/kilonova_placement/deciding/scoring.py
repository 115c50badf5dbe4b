"""Filter and weigh: a request and an index in, a score per row out. The index may be an excerpt of the whole one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints import CONSTRAINTS, Check
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers import WEIGHERS, Multipliers, Score


def score(wanted: Wanted, index: Index, multipliers: Multipliers) -> Score:
    """The sum of the weights; minus infinity for who may not be chosen."""
    mask = passing(wanted, index)
    total: Score | None = None
    for _, weight in weights(wanted, index, multipliers):
        total = weight if total is None else np.add(total, weight, out=total)
    if total is None:
        total = np.zeros(index.rows, np.float64)
    np.copyto(total, -np.inf, where=~mask)
    return total


def passing(wanted: Wanted, index: Index) -> Mask:
    """The hosts that pass every constraint, as a mask over the rows."""
    mask = index.is_host[: index.rows].copy()
    for check in checks(wanted, index):
        check.narrow(mask)
    return mask


def checks(wanted: Wanted, index: Index) -> Iterator[Check]:
    """Everything the request needs, in the order it is explained."""
    for constraint in CONSTRAINTS:
        yield from constraint(wanted, index)


def weights(wanted: Wanted, index: Index, multipliers: Multipliers) -> Iterator[tuple[str, Score]]:
    """What each weigher that has an opinion gives, times its multiplier."""
    for weigher in WEIGHERS:
        multiplier = multipliers.get(weigher.name, 1.0)
        weight = weigher.weigh(wanted, index) if multiplier else None
        if weight is not None:
            if multiplier != 1.0:
                weight *= multiplier
            yield weigher.name, weight


def change_by_one(wanted: Wanted, index: Index, multipliers: Multipliers) -> float:
    """By how much a row's score changes when one more alike is put on it."""
    return sum(multipliers.get(weigher.name, 1.0) * weigher.after(wanted, index) for weigher in WEIGHERS)
