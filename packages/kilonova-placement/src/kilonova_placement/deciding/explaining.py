"""The constraints one by one: how many hosts each removed, and who came nearest. The slow path, taken on a refusal."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints import Check
from kilonova_placement.deciding.constraints.check import Miss, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.spreading import spread
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.model.explanations import Explanation, Removed


def explain_refusal(wanted: Wanted, index: Index, checks: Iterable[Check], count: int, fits: int) -> Explanation:
    """Say whom each check removed. ``fits`` of ``count`` found a place."""
    mask = index.is_host[: index.rows].copy()
    before, removed = ("", ""), list[Removed]()
    for check in checks:
        removed.append(_apply(check, mask, before, index))
        if removed[-1].removed or not before[0]:
            before = check.has
    if (whole := _in_one_tree(wanted, index, mask, before)).removed:
        removed.append(whole)
    if 0 < fits < count:
        removed.append(_used_up(fits, int(mask.sum())))
    return Explanation(hosts=index.hosts, count=count, fits=fits, constraints=tuple(removed))


def _apply(check: Check, mask: Mask, before: tuple[str, str], index: Index) -> Removed:
    was = mask.copy()
    check.narrow(mask)
    rows, left = np.flatnonzero(was & ~mask), int(mask.sum())
    if not len(rows):
        return Removed(constraint=check.name, removed=0, left=left)
    return _removed(check.name, len(rows), left, before, check.lacks(rows), index)


def _removed(name: str, number: int, left: int, before: tuple[str, str], miss: Miss, index: Index) -> Removed:
    """``3 hosts have the required traits but lack memory, the nearest by 512 MB``."""
    earlier = f"{plural(number, *before)} but " if before[0] else ""
    return Removed(
        constraint=name,
        removed=number,
        left=left,
        nearest=f"{number} {plural(number, 'host', 'hosts')} {earlier}{miss.words}",
        nearest_host=index.names[miss.row] if miss.row >= 0 else "",
    )


def _in_one_tree(wanted: Wanted, index: Index, mask: Mask, before: tuple[str, str]) -> Removed:
    """Hosts whose parts have enough together, but no part has enough by itself."""
    rows = [
        int(row) for row in np.flatnonzero(mask) if index.tree(int(row)) and not spread(wanted, index, int(row), {})
    ]
    mask[rows] = False
    if not rows:
        return Removed(constraint="one provider", removed=0, left=int(mask.sum()))
    miss = Miss(f"{plural(len(rows), 'has', 'have')} no part that can give an amount whole", rows[0])
    return _removed("one provider", len(rows), int(mask.sum()), before, miss, index)


def _used_up(fits: int, left: int) -> Removed:
    words = f"{plural(fits, 'the one that fits uses', f'the {fits} that fit use')} up what the remaining hosts have"
    return Removed(constraint="all of them together", removed=left, left=0, nearest=words)
