"""The constraints one by one: how many hosts each removed, and who came nearest. The slow path, taken on a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints import CONSTRAINTS, Check
from kilonova_placement.deciding.constraints.check import Miss, plural
from kilonova_placement.deciding.grouping import must_share
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.spreading import shortfall
from kilonova_placement.deciding.trees.look import Shortfall
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.model.explanations import Explanation, Removed
from kilonova_placement.model.groups import GroupPolicy

#: Hosts whose trees are looked at to say that they lack nothing else.
_MOST_LOOKED_AT = 1000


def explain_refusal(wanted: Wanted, index: Index, checks: Iterable[Check], count: int, fits: int) -> Explanation:
    """Say whom each check removed. ``fits`` of ``count`` found a place."""
    mask, every = index.is_host[: index.rows].copy(), list(checks)
    before, removed = ("", ""), list[Removed]()
    for number, check in enumerate(every):
        was = mask.copy()
        removed.append(_apply(check, mask, before, index))
        if removed[-1].removed:
            only = _pass_all(every[number + 1 :], was & ~mask, wanted, index)
            removed[-1] = msgspec.structs.replace(removed[-1], only=only)
        if removed[-1].removed or not before[0]:
            before = check.has
    removed += _in_the_tree(wanted, index, mask, before)
    if 0 < fits < count:
        removed.append(_used_up(wanted, fits, int(mask.sum())))
    return Explanation(hosts=index.hosts, count=count, fits=fits, constraints=tuple(removed))


def explain_failure(wanted: Wanted, index: Index, what: str, count: int) -> Explanation:
    """Say that ``what`` failed, after whom our own constraints removed."""
    checks = (check for constraint in CONSTRAINTS for check in constraint(wanted, index))
    found = explain_refusal(wanted, index, checks, count, 0)
    left = found.hosts - sum(item.removed for item in found.constraints)
    words = f"{left} {plural(left, 'host', 'hosts')} could not be judged, for {what} failed"
    failed = Removed(constraint=what, removed=left, left=0, nearest=words)
    return msgspec.structs.replace(found, constraints=(*found.constraints, failed))


def _pass_all(checks: Iterable[Check], mask: Mask, wanted: Wanted, index: Index) -> int:
    """How many of these hosts fail none of the checks. Many are not looked at one by one: then nothing is said (0)."""
    for check in checks:
        check.narrow(mask)
    rows = np.flatnonzero(mask).tolist()
    if len(rows) > _MOST_LOOKED_AT:
        return 0
    return sum(shortfall(wanted, index, row) is None for row in rows)


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


def _in_the_tree(wanted: Wanted, index: Index, mask: Mask, before: tuple[str, str]) -> Iterator[Removed]:
    """Hosts that have enough in all, but not in the parts that are asked for: one entry per reason."""
    short: dict[str, list[tuple[int, Shortfall]]] = {}
    for row in np.flatnonzero(mask).tolist():
        found = shortfall(wanted, index, row)
        if found is not None:
            short.setdefault(found.constraint, []).append((row, found))
    for constraint, hosts in short.items():
        mask[[row for row, _ in hosts]] = False
        row, found = hosts[0]
        miss = Miss(f"{plural(len(hosts), 'has', 'have')} {found.words}", row)
        yield _removed(constraint, len(hosts), int(mask.sum()), before, miss, index)


def _used_up(wanted: Wanted, fits: int, left: int) -> Removed:
    said = plural(fits, "the one that fits uses", f"the {fits} that fit use")
    words = f"{said} up what the remaining hosts have"
    if must_share(wanted.group):
        words = f"affinity asks for one host that holds all of them, and the roomiest holds {fits}"
    elif wanted.group is not None and wanted.group.policy is GroupPolicy.ANTI_AFFINITY:
        words = f"{said} up what the remaining hosts have, with anti-affinity at {wanted.group.most} on each"
    return Removed(constraint="all of them together", removed=left, left=0, nearest=words)
