"""Hosts that have NUMA nodes, and memory of the right kind, for guests that are laid out on nodes."""

from __future__ import annotations

from functools import reduce

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import ClassColumns, Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.model.requests import NUMA_NODE, NumaWish


def cells(wanted: Wanted, index: Index) -> list[Check]:
    """Which node gives which cell is looked at closely (``trees/cells.py``); this is what columns say of all hosts."""
    wish = wanted.request.numa
    if wish is None:
        return []
    checks = [_nodes(index)] if len(wish.cells) > 1 else []
    return [*checks, _memory(wish, index)] if len(wish.memory_classes) > 1 else checks


def _nodes(index: Index) -> Check:
    def narrow(mask: Mask) -> None:
        index.traits.keep_with_all((NUMA_NODE,), mask)

    def lacks(rows: Rows) -> Miss:
        return Miss(f"{plural(len(rows), 'has', 'have')} no NUMA nodes to tell apart")

    return Check("NUMA nodes", narrow, ("has NUMA nodes", "have NUMA nodes"), lacks)


def _memory(wish: NumaWish, index: Index) -> Check:
    """One of the classes must have enough for all cells."""
    amount = sum(cell.memory_mb for cell in wish.cells)
    found: list[ClassColumns] = [columns for name in wish.memory_classes if (columns := index.classes.get(name))]

    def narrow(mask: Mask) -> None:
        enough = [columns.free[: len(mask)] >= amount for columns in found]
        mask &= reduce(np.logical_or, enough) if enough else False

    def lacks(rows: Rows) -> Miss:
        verb = plural(len(rows), "lacks", "lack")
        if not found:
            return Miss(f"{verb} pages of the sizes asked for")
        best = np.array([columns.free[rows].max() for columns in found])
        name = [name for name in wish.memory_classes if name in index.classes][int(best.argmax())]
        return Miss(f"{verb} {amount} MB in pages of one size, the nearest has {best.max()} MB of {name}")

    return Check("memory pages", narrow, ("has enough memory in pages", "have enough memory in pages"), lacks)
