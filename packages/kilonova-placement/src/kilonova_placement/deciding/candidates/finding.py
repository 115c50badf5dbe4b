"""The trees in turn: first a candidate of each, then the second ones, until the limit or the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from kilonova_placement.deciding.candidates.able import Able, aggregate_check, trait_check
from kilonova_placement.deciding.candidates.asked import Asked, Candidate, Group
from kilonova_placement.deciding.candidates.combining import Slot, combine
from kilonova_placement.deciding.index import Index

#: Candidates in one answer, whatever is asked.
MOST = 100_000


def find(asked: Asked, index: Index) -> list[Candidate]:
    """Candidates, at most ``asked.limit``; with one group they come in the order of the index's rows."""
    if not index.rows:
        return []
    able, limit = Able(index, asked), min(asked.limit or MOST, MOST)
    looks_alone = len(asked.groups) == 1 and not able.anchors and not asked.groups[0].suffix
    alone = list(islice(_alone(able, asked.groups[0]), limit)) if looks_alone else []
    if len(alone) == limit or (looks_alone and not index.has_trees()):
        return alone
    found = _unlike(_Trees(able, only_trees=looks_alone).candidates(), asked, index)
    return [*alone, *islice(found, limit - len(alone))]


def rows_to_summarize(candidates: Iterable[Candidate], index: Index, *, nested: bool) -> list[int]:
    """The providers an answer describes: all of the trees that give something; without trees, only the givers."""
    used = {row for candidate in candidates for row in candidate.parts}
    if not nested and index.has_trees():
        return sorted(used)
    roots = {int(root) for root in index.root[list(used)]} if used else set()
    return sorted(row for root in roots for row in (index.tree(root) or (root,)))


def _alone(able: Able, group: Group) -> Iterator[Candidate]:
    """Hosts without parts: one look at the columns answers for all of them."""
    index, resources = able.index, dict(group.resources)
    return (
        Candidate({row: resources}, {group.suffix: (row,)})
        for row in able.whole(group)
        if index.tree(int(index.root[row])) is None and able.good_root(row)
    )


class _Trees:
    """The slots of every tree that may have a candidate."""

    def __init__(self, able: Able, *, only_trees: bool) -> None:
        self.able, self.index, self._only_trees = able, able.index, only_trees
        groups = sorted(able.asked.groups, key=lambda group: group.suffix)
        self._plain = next((group for group in groups if not group.suffix), None)
        self._suffixed = [group for group in groups if group.suffix]
        self._whole: dict[str, dict[int, list[int]]] = {}
        for group in self._suffixed:
            like = next((other for other in self._whole if group.alike(self._named(other))), None)
            self._whole[group.suffix] = self._whole[like] if like else self._by_root(able.whole(group))
        if self._plain:
            plain = self._plain
            self._fits_forbidden = trait_check(_only_forbidden(plain))
            self._in_aggregates, self._not_in = aggregate_check(_only_member(plain)), aggregate_check(_only_not(plain))
            self._able = {name: self._rows_of(plain, name, amount) for name, amount in plain.resources.items()}

    def _named(self, suffix: str) -> Group:
        return next(group for group in self._suffixed if group.suffix == suffix)

    def _by_root(self, rows: Iterable[int], *, shared: bool = True) -> dict[int, list[int]]:
        """Rows by the roots they may serve: their own, and those they share with."""
        found: dict[int, list[int]] = defaultdict(list)
        for row in rows:
            others = self.able.anchors.get(row) if shared else None
            for root in others or (int(self.index.root[row]),):
                found[root].append(row)
        return found

    def _rows_of(self, group: Group, name: str, amount: int) -> dict[int, list[int]]:
        mask = self.able.gives(name, amount).copy()
        if self._only_trees:
            mask &= np.isin(self.index.root[: self.index.rows], [root for root, _ in self.index.trees()])
        if group.in_tree is not None:
            row = self.index.row_of(group.in_tree)
            mask &= self.index.root[: self.index.rows] == (-1 if row is None else self.index.root[row])
        rows = np.flatnonzero(mask).tolist()
        good = (row for row in rows if self._fits_forbidden(self.index.own_traits[row]))
        return self._by_root(good, shared=group.in_tree is None)

    def candidates(self) -> Iterator[Candidate]:
        """Round after round, one of each tree that still has any."""
        searches: Iterable[Iterator[Candidate]] = (
            combine(slots, self.able) for root in self._roots() if (slots := self._slots(root))
        )
        while True:
            left = []
            for search in searches:
                found = next(search, None)
                if found is not None:
                    left.append(search)
                    yield found
            if not left:
                return
            searches = left

    def _roots(self) -> list[int]:
        """Roots at which every group has somebody."""
        every = [set(by_root) for by_root in self._whole.values()]
        if self._plain:
            every += [set(by_root) for by_root in self._able.values()]
        roots = sorted(set.intersection(*every)) if every else []
        if self._only_trees:
            roots = [root for root in roots if self.index.tree(root) is not None]
        return [root for root in roots if self.able.good_root(root)]

    def _slots(self, root: int) -> list[Slot]:
        slots = self._plain_slots(self._plain, root) if self._plain else []
        if self._plain and not slots:
            return []
        for number, group in enumerate(self._suffixed):
            again = number > 0 and not self.able.asked.same_subtrees and group.alike(self._suffixed[number - 1])
            rows = tuple(self._whole[group.suffix][root])
            slots.append(Slot(group, tuple(group.resources.items()), rows, again=again))
        return slots

    def _plain_slots(self, group: Group, root: int) -> list[Slot]:
        """One slot per class. The root may be in the aggregates for all of its tree, not for who shares with it."""
        index, slots = self.index, list[Slot]()
        aggregates = index.own_aggregates
        if not self._not_in(aggregates[root]):
            return []
        root_in = self._in_aggregates(aggregates[root])
        for name, amount in group.resources.items():
            rows = tuple(
                row
                for row in self._able[name][root]
                if ((root_in and index.root[row] == root) or self._in_aggregates(aggregates[row]))
                and self._not_in(aggregates[row])
            )
            if not rows:
                return []
            slots.append(Slot(group, ((name, amount),), rows, last=False))
        return [*slots[:-1], slots[-1]._replace(last=True)]


def _only_forbidden(group: Group) -> Group:
    return Group(suffix="", resources={}, forbidden=group.forbidden)


def _only_member(group: Group) -> Group:
    return Group(suffix="", resources={}, member_of=group.member_of)


def _only_not(group: Group) -> Group:
    return Group(suffix="", resources={}, not_member_of=group.not_member_of)


def _unlike(candidates: Iterator[Candidate], asked: Asked, index: Index) -> Iterator[Candidate]:
    """Each once: a sharing provider may serve several trees alike. And only what a client without trees can use."""
    seen: set[tuple[frozenset[tuple[int, frozenset[tuple[str, int]]]], frozenset[tuple[str, frozenset[int]]]]] = set()
    for found in candidates:
        if not asked.nested and len({int(index.root[row]) for row in found.parts}) < len(found.parts):
            continue
        parts = frozenset((row, frozenset(of.items())) for row, of in found.parts.items())
        key = (parts, frozenset((suffix, frozenset(rows)) for suffix, rows in found.mappings.items()))
        if key not in seen:
            seen.add(key)
            yield found
