"""Around an operator's own constraints and weighers: one that fails has its name in the log, and decides nothing.

What cannot be judged is refused (``OwnFailed``), never let through: somebody relies on that constraint. Nothing of the
decision is kept, so the next one asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints import Constraint
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score, Weigher

log = logging.getLogger(__name__)
T = TypeVar("T")


class OwnFailed(Exception):
    """``what`` could not judge: ``the constraint gold``."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} failed")
        self.what = what


def guarded_constraint(name: str, constraint: Constraint) -> Constraint:
    """The constraint, whose failures are ``OwnFailed``."""
    what = f"the constraint {name}"

    def judge(wanted: Wanted, index: Index) -> list[Check]:
        return [_guarded_check(what, check) for check in _try(what, lambda: list(constraint(wanted, index)))]

    return judge


def _guarded_check(what: str, check: Check) -> Check:
    def narrow(mask: Mask) -> None:
        _try(what, lambda: check.narrow(mask))

    def lacks(rows: Rows) -> Miss:
        try:
            return _try(what, lambda: check.lacks(rows))
        except OwnFailed:
            return Miss(f"{plural(len(rows), 'is', 'are')} not let through by {what}")

    return check._replace(narrow=narrow, lacks=lacks)


def guarded_weigher(weigher: Weigher) -> Weigher:
    """The weigher, whose failures are ``OwnFailed``; a weight that is no number is one."""
    what = f"the weigher {weigher.name}"

    def weigh(wanted: Wanted, index: Index) -> Score | None:
        return _try(what, lambda: _numbers(weigher.weigh(wanted, index), index))

    def after(wanted: Wanted, index: Index, row: int, already: int) -> float:
        return _try(what, lambda: float(weigher.after(wanted, index, row, already)))

    return weigher._replace(weigh=weigh, after=after)


def _numbers(weight: Any, index: Index) -> Score | None:
    """A copy, so that what the weigher keeps stays its own. Raises ValueError."""
    if weight is None:
        return None
    found = np.array(weight, np.float64)
    if found.shape != (index.rows,) or not np.isfinite(found).all():
        raise ValueError(f"a weigher gives {index.rows} numbers, one for each row")
    return found


def _try(what: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception as error:
        log.exception("%s failed: what it had to judge is refused", what)
        raise OwnFailed(what) from error
