"""Prefer the cell from which something comes: to move between cells costs much."""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.deciding.weighers.weigher import Score


def near_cell(wanted: Wanted, index: Index) -> Score | None:
    name = wanted.request.place.near_cell
    if not name:
        return None
    return np.equal(index.cell[: index.rows], index.cell_code(name)).astype(np.float64)
