"""What a group asks of one decision: who else stands where, and what changes as more of the same call are placed.

The asking owner is no neighbour of itself: when it moves, the place it leaves does not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.index import ClassColumns, Index
from kilonova_placement.model.groups import GroupPolicy, Members
from kilonova_placement.model.requests import GroupWish

Scores = NDArray[np.float64]


class Amount(Protocol):
    """So much of a class, with the columns that say how much is free."""

    @property
    def amount(self) -> int: ...
    @property
    def columns(self) -> ClassColumns | None: ...


class WantedGroup(NamedTuple):
    """``others``: how many other members stand on each host, by row. ``most``: so many may, with anti-affinity.

    ``settled``: the rows where one of them stands that has no second place, that is, will not leave or arrive.
    ``is_empty``: there are no others at all.
    """

    policy: GroupPolicy
    most: int
    others: dict[int, int]
    settled: frozenset[int]
    is_empty: bool


def others_of(wish: GroupWish, index: Index, asking: str) -> WantedGroup:
    """The group without the owner that asks."""
    members = index.groups.use(wish.group_id).members
    places = _places(members, asking)
    others, settled = dict[int, int](), set[int]()
    for host_id, owners in members.items():
        row = index.row_of(host_id)
        if row is None:
            continue
        if here := sum(owner != asking for owner in owners):
            others[row] = here
        if any(places.get(owner) == 1 for owner in owners):
            settled.add(row)
    return WantedGroup(GroupPolicy(wish.policy), max(1, wish.max_per_host), others, frozenset(settled), not places)


def _places(members: Members, asking: str) -> dict[str, int]:
    """On how many hosts each other owner stands."""
    found: dict[str, int] = {}
    for owners in members.values():
        for owner in owners:
            if owner != asking:
                found[owner] = found.get(owner, 0) + 1
    return found


class Placed:
    """The hard policy within one call of many alike: each that is placed may close its host for the next."""

    def __init__(self, group: WantedGroup | None) -> None:
        self._group = group
        self._here: dict[int, int] = {}

    def closes(self, root: int) -> bool:
        """One more stands on this row; whether that was the last one allowed."""
        group = self._group
        if group is None or group.policy is not GroupPolicy.ANTI_AFFINITY:
            return False
        self._here[root] = self._here.get(root, group.others.get(root, 0)) + 1
        return self._here[root] >= group.most


def must_share(group: WantedGroup | None) -> bool:
    """Whether many alike must all stand on one host, which is still to be found."""
    return group is not None and group.policy is GroupPolicy.AFFINITY and group.is_empty


def roomiest(amounts: Iterable[Amount], count: int, scores: Scores) -> Mask:
    """The hosts that may hold all, of those that may be chosen; where none does, one that holds the most."""
    holds = np.full(len(scores), count, np.int64)
    for item in amounts:
        if item.columns is not None:
            np.minimum(holds, item.columns.free[: len(scores)] // item.amount, out=holds)
    holds[scores == -np.inf] = -1
    keep: Mask = holds >= count
    if len(keep) and not keep.any():
        keep[int(np.argmax(holds))] = True
    return keep
