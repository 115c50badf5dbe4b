"""Who can give an amount, has traits, is in aggregates, shares with which trees: over all rows, each looked up once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.candidates.asked import Asked, Group
from kilonova_placement.deciding.index import Index, Labels
from kilonova_placement.deciding.spreading import allows

SHARES = "MISC_SHARES_VIA_AGGREGATE"


class Able:
    """The index as one request looks at it. Not kept beyond the request."""

    def __init__(self, index: Index, asked: Asked) -> None:
        self.index, self.asked = index, asked
        self._masks: dict[tuple[str, int], Mask] = {}
        #: Steps of searches that found nothing.
        self.fruitless = 0
        #: Row of a sharing provider to the roots it shares with, its own among them; and the other way round.
        self.anchors = self._anchors()
        self.shared_with: dict[int, list[int]] = defaultdict(list)
        for row, roots in self.anchors.items():
            for root in roots:
                if root != int(index.root[row]):
                    self.shared_with[root].append(row)
        self._good_root = remembered(lambda labels: _fits(labels, one_each(asked.root_required), asked.root_forbidden))

    def _anchors(self) -> dict[int, set[int]]:
        index, found = self.index, dict[int, set[int]]()
        for row in np.flatnonzero(index.traits.has(SHARES, index.rows)).tolist():
            if SHARES not in index.own_traits[row]:
                continue  # a root whose part shares
            labels = [f"aggregate:{name}" for name in index.own_aggregates[row]]
            mask = np.ones(index.rows, np.bool_)
            index.places.keep_with_any(labels, mask)
            found[row] = {int(index.root[row]), *index.root[: index.rows][mask].tolist()}
        return found

    def gives(self, name: str, amount: int) -> Mask:
        """Which rows can give this in one piece, by what is left and by units."""
        mask = self._masks.get((name, amount))
        if mask is None:
            mask = self._masks[name, amount] = self._look(name, amount)
        return mask

    def _look(self, name: str, amount: int) -> Mask:
        index, columns = self.index, self.index.classes.get(name)
        if columns is None:
            return np.zeros(index.rows, np.bool_)
        rows = slice(0, index.rows)
        mask = columns.capacity[rows] - columns.used[rows] >= amount
        by_room = mask.copy()
        mask &= (columns.min_unit[rows] <= amount) & (columns.max_unit[rows] >= amount)
        mask &= amount % columns.step_size[rows] == 0
        for root, tree in index.trees():  # the columns of a tree's root show the units of the whole tree
            inventory = tree[root].inventories.get(name) if root in tree else None
            mask[root] = bool(by_room[root] and inventory is not None and allows(inventory, amount))
        return mask

    def room(self, row: int, name: str) -> tuple[int, int]:
        """What is left, and the most that one claim may take."""
        columns, tree = self.index.classes[name], self.index.tree(int(self.index.root[row]))
        inventory = tree[row].inventories.get(name) if tree else None
        largest = inventory.largest_claim if inventory else int(columns.max_unit[row])
        return int(columns.capacity[row] - columns.used[row]), largest

    def good_root(self, root: int) -> bool:
        """Whether the root of a tree may be one, by its own traits."""
        return self._good_root(self.index.own_traits[root])

    def whole(self, group: Group) -> Iterator[int]:
        """Rows that can serve a whole group by themselves; looked at one by one, for few may be enough."""
        index, mask = self.index, np.ones(self.index.rows, np.bool_)
        for name, amount in group.resources.items():
            mask &= self.gives(name, amount)
        if group.in_tree is not None:
            row = index.row_of(group.in_tree)
            mask &= index.root[: index.rows] == (-1 if row is None else index.root[row])
        has_traits, in_aggregates = trait_check(group), aggregate_check(group)
        return (
            row
            for row in np.flatnonzero(mask).tolist()
            if index.provider_ids[row]
            and has_traits(index.own_traits[row])
            and in_aggregates(index.own_aggregates[row])
        )


def trait_check(group: Group) -> Callable[[Labels], bool]:
    return remembered(lambda labels: _fits(labels, group.required, group.forbidden))


def aggregate_check(group: Group) -> Callable[[Labels], bool]:
    return remembered(lambda labels: _fits(labels, group.member_of, group.not_member_of))


def one_each(names: Iterable[str]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset((name,)) for name in names)


def _fits(labels: Labels, wanted: tuple[frozenset[str], ...], unwanted: frozenset[str]) -> bool:
    return unwanted.isdisjoint(labels) and all(not group.isdisjoint(labels) for group in wanted)


def remembered(check: Callable[[Labels], bool]) -> Callable[[Labels], bool]:
    """The check, made once for each different set of labels: thousands of providers have few."""
    known: dict[Labels, bool] = {}

    def answer(labels: Labels) -> bool:
        found = known.get(labels)
        if found is None:
            found = known[labels] = check(labels)
        return found

    return answer
