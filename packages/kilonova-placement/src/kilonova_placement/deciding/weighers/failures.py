"""Spare hosts on which builds failed: one failure weighs -1 at first, and half as much after the half-life."""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score


def failures(wanted: Wanted, index: Index) -> Score | None:
    if not index.attributes.has_failures:
        return None
    return np.negative(index.attributes.failures[: index.rows])
