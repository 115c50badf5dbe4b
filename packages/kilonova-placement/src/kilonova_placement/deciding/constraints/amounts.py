"""Enough of each resource class, in units that one claim may ask for. Devices are counted like any other class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted, WantedAmount

#: How people say it: the unit before the name, and the name.
_SAID = {"MEMORY_MB": ("MB of ", "memory"), "DISK_GB": ("GB of ", "disk")}


def amounts(wanted: Wanted, index: Index) -> list[Check]:
    enough = [_enough(item) for item in wanted.amounts]
    return enough + [_in_one_piece(item) for item in wanted.amounts if _is_scattered(item)]


def _enough(item: WantedAmount) -> Check:
    unit, what = _SAID.get(item.resource_class, ("", item.resource_class))

    def narrow(mask: Mask) -> None:
        _narrow(item, mask)

    def lacks(rows: Rows) -> Miss:
        return _lacks(item, rows, unit, what)

    return Check(item.resource_class, narrow, (f"has enough {what}", f"have enough {what}"), lacks)


def _is_scattered(item: WantedAmount) -> bool:
    """Whether some host has enough of it, but here and there."""
    return item.piece > 0 and item.columns is not None and item.columns.scattered


def _in_one_piece(item: WantedAmount) -> Check:
    """So much of it must be left at one provider of the host's tree; ``trees`` looks closer."""
    unit, what = _SAID.get(item.resource_class, ("", item.resource_class))

    def largest(rows: Rows | slice) -> NDArray[np.int64]:
        columns = item.columns
        return columns.free[rows] - columns.beyond[rows] if columns else np.zeros(0, np.int64)

    def narrow(mask: Mask) -> None:
        np.logical_and(mask, largest(slice(len(mask))) >= item.piece, out=mask)

    def lacks(rows: Rows) -> Miss:
        most = largest(rows)
        nearest = int(np.argmax(most))
        has = plural(len(rows), "has", "have")
        return Miss(f"{has} at most {most[nearest]} {unit}{what} in one part, and not {item.piece}", int(rows[nearest]))

    name = f"{item.resource_class} of one provider"
    return Check(name, narrow, (f"has enough {what} in one part", f"have enough {what} in one part"), lacks)


def _narrow(item: WantedAmount, mask: Mask) -> None:
    columns, amount, rows = item.columns, item.amount, len(mask)
    if columns is None:
        mask[:] = False
        return
    np.logical_and(mask, columns.free[:rows] >= amount, out=mask)
    if item.is_device:
        return  # counted over a tree, piece by piece; spreading looks at the units
    if amount > columns.smallest_max:
        np.logical_and(mask, columns.max_unit[:rows] >= amount, out=mask)
    if amount < columns.largest_min:
        np.logical_and(mask, columns.min_unit[:rows] <= amount, out=mask)
    if columns.largest_step > 1:
        np.logical_and(mask, amount % columns.step_size[:rows] == 0, out=mask)


def _lacks(item: WantedAmount, rows: Rows, unit: str, what: str) -> Miss:
    verb = plural(len(rows), "lacks", "lack")
    columns = item.columns
    if columns is None or not columns.max_unit[rows].any():  # of a tree, that of its parts
        return Miss(f"{plural(len(rows), 'has', 'have')} no {what} at all")
    short = item.amount - columns.free[rows]
    units = short <= 0
    if units.any():
        row = int(rows[int(np.argmax(units))])
        bounds = f"{columns.min_unit[row]} to {columns.max_unit[row]}, in steps of {columns.step_size[row]}"
        return Miss(f"{verb} a way to give {item.amount} {unit}{what} in one piece ({bounds})", row)
    nearest = int(np.argmin(short))
    amount = f"{int(short[nearest])} {unit}"
    if len(rows) == 1:
        return Miss(f"lacks {amount}{what}", int(rows[nearest]))
    return Miss(f"lack {what}, the nearest by {amount.removesuffix(' of ').strip()}", int(rows[nearest]))
