"""One tree's combinations, one at a time: depth first, with what cannot become a candidate cut off early.

Each *slot* takes one row: a suffixed group is a slot, each class of the group without a suffix is one. A row is cut
off when it has no room left beside the slots before, when it breaks isolation, or when a subtree asked for is already
impossible. States that led nowhere are remembered.

Many combinations (``_MANY``): rows that are alike (leaves of the same parent with the same traits, aggregates and room)
are tried once per state, and slots that ask alike take their rows in order. So eight groups on eight like devices are
one candidate, not 40,320.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

from kilonova_placement.deciding.candidates.able import Able
from kilonova_placement.deciding.candidates.asked import Candidate, Group
from kilonova_placement.deciding.candidates.seating import can_sit

#: Combinations of one tree that are all shown, at most; where there may be more, like ones stand for each other.
_MANY = 512
#: Steps into one tree before it is left, and candidates of one tree.
_MOST_STEPS = 20_000
#: Steps into trees where nothing was found: after so many, the next trees get few.
_MOST_FRUITLESS, _FEW_STEPS = 50_000, 200
_MOST_OF_ONE_TREE = 2_000


class Slot(NamedTuple):
    """What one row is to give, and the rows that could. ``last``: the group's last slot."""

    group: Group
    resources: tuple[tuple[str, int], ...]
    rows: tuple[int, ...]
    last: bool = True
    #: Asks the same as the slot before.
    again: bool = False


def combine(slots: list[Slot], able: Able) -> Iterator[Candidate]:
    """The candidates of one tree, given its slots."""
    return _Search(slots, able).run()


class _Search:
    """The state of one depth-first search: what each row gives so far, and which row each slot took."""

    def __init__(self, slots: list[Slot], able: Able) -> None:
        self.able, self.isolate = able, able.asked.isolate
        self.many = prod(len(slot.rows) for slot in slots) > _MANY
        self._kinds: dict[int, Any] = {}
        self.slots = [self._sorted(slot) for slot in slots] if self.many else slots
        self.room: dict[tuple[int, str], tuple[int, int]] = {}
        self.taken: dict[tuple[int, str], int] = {}
        self.chosen: list[int] = []
        self.dead: set[Any] = set()
        self.steps = 0
        self.most = _MOST_STEPS if able.fruitless < _MOST_FRUITLESS else _FEW_STEPS

    def run(self) -> Iterator[Candidate]:
        if self.many and not self._may_fit():
            return
        number = 0
        for number, found in enumerate(self._from(0), 1):
            yield found
            if number == _MOST_OF_ONE_TREE:
                return
        if not number:
            self.able.fruitless += self.steps

    def _may_fit(self) -> bool:
        """Whether the suffixed groups find rows, looking at nothing but room and isolation."""
        slots = [slot for slot in self.slots if slot.group.suffix]
        least: dict[str, int] = {}
        for slot in slots:
            for name, amount in slot.resources:
                least[name] = min(amount, least.get(name, amount))

        def seats(row: int) -> int:
            rooms = ((min(self.room.get((row, name)) or self._look((row, name))), of) for name, of in least.items())
            return sum(max(0, room) // of for room, of in rooms)

        return can_sit([slot.rows for slot in slots if slot.resources], (lambda _: 1) if self.isolate else seats)

    def _from(self, depth: int) -> Iterator[Candidate]:
        if depth == len(self.slots):
            yield self._candidate()
            return
        if self.dead and self._state(depth) in self.dead:
            return
        found = False
        for row in self._choices(depth):
            self.steps += 1
            if self.steps > self.most:
                return
            if self._take(depth, row):
                if self._stands(depth):
                    for candidate in self._from(depth + 1):
                        found = True
                        yield candidate
                self._give_back(depth)
        if not found and self.steps <= self.most:
            self.dead.add(self._state(depth))

    # --- one step

    def _choices(self, depth: int) -> Iterator[int]:
        slot = self.slots[depth]
        if not self.many:
            yield from slot.rows
            return
        least = slot.rows.index(self.chosen[-1]) if slot.again else 0
        tried: set[Any] = set()
        for row in slot.rows[least:]:
            alike = (self._kind(row), self._used(row))
            if alike not in tried:
                tried.add(alike)
                yield row

    def _take(self, depth: int, row: int) -> bool:
        """Put the row into the slot unless there is no room, or another group has it for itself."""
        slot = self.slots[depth]
        if self.isolate and slot.group.suffix and row in self._granular(depth):
            return False
        for name, amount in slot.resources:
            key = (row, name)
            left, largest = self.room.get(key) or self._look(key)
            if self.taken.get(key, 0) + amount > min(left, largest):
                return False
        for name, amount in slot.resources:
            self.taken[row, name] = self.taken.get((row, name), 0) + amount
        self.chosen.append(row)
        return True

    def _look(self, key: tuple[int, str]) -> tuple[int, int]:
        found = self.room[key] = self.able.room(*key)
        return found

    def _give_back(self, depth: int) -> None:
        row = self.chosen.pop()
        for name, amount in self.slots[depth].resources:
            self.taken[row, name] -= amount

    def _granular(self, depth: int) -> set[int]:
        return {row for slot, row in zip(self.slots[:depth], self.chosen, strict=False) if slot.group.suffix}

    # --- what must hold of the rows so far

    def _stands(self, depth: int) -> bool:
        slot = self.slots[depth]
        if slot.last and not slot.group.suffix and not self._has_traits(slot.group):
            return False
        return all(self._below_one(suffixes) for suffixes in self.able.asked.same_subtrees)

    def _has_traits(self, group: Group) -> bool:
        """The rows of a group without a suffix have the required traits together."""
        if not group.required:
            return True
        rows = self._rows_of(frozenset(("",)))
        traits = {trait for row in rows for trait in self.able.index.own_traits[row]}
        return all(not wanted.isdisjoint(traits) for wanted in group.required)

    def _rows_of(self, suffixes: frozenset[str]) -> set[int]:
        pairs = zip(self.slots, self.chosen, strict=False)
        return {row for slot, row in pairs if slot.group.suffix in suffixes}

    def _below_one(self, suffixes: frozenset[str]) -> bool:
        """Once all of them have their rows, one of the rows must be above (or be) all others."""
        having = {slot.group.suffix for slot in self.slots[: len(self.chosen)]}
        if not suffixes <= having:
            return True
        rows = self._rows_of(suffixes)
        return bool(rows.intersection(*(self._line(row) for row in rows)))

    def _line(self, row: int) -> set[int]:
        """The row and all above it."""
        index, found = self.able.index, {row}
        while (parent := index.parent_ids[row]) is not None and (above := index.row_of(parent)) is not None:
            found.add(above)
            row = above
        return found

    # --- likeness

    def _sorted(self, slot: Slot) -> Slot:
        """Rows alike stand together, so that slots in order lose nothing."""
        firsts: dict[Any, int] = {}
        for position, row in enumerate(slot.rows):
            firsts.setdefault(self._kind(row), position)
        return slot._replace(rows=tuple(sorted(slot.rows, key=lambda row: firsts[self._kind(row)])))

    def _kind(self, row: int) -> Any:
        """Equal for rows that may be exchanged; a provider with children is like no other."""
        kind = self._kinds.get(row)
        if kind is None:
            kind = self._kinds[row] = self._look_at_kind(row)
        return kind

    def _look_at_kind(self, row: int) -> Any:
        index = self.able.index
        tree = index.tree(int(index.root[row]))
        if tree is None or row in self.able.anchors or index.parent_ids[row] is None:
            return row
        own_id = index.provider_ids[row]
        if any(provider.parent_id == own_id for provider in tree.values()):
            return row
        room = tuple((name, one, index.left(row, name)) for name, one in sorted(tree[row].inventories.items()))
        return (index.parent_ids[row], index.own_traits[row], index.own_aggregates[row], room)

    def _used(self, row: int) -> tuple[Any, ...]:
        if row not in self.chosen:
            return ()
        given = tuple(sorted((name, amount) for (of, name), amount in self.taken.items() if of == row and amount))
        return (given,)

    def _state(self, depth: int) -> Any:
        """What the rest of the search depends on; with subtrees, or traits that are had together, on everything."""
        if self.able.asked.same_subtrees or not self.slots[depth].group.suffix:
            return (depth, tuple(self.chosen))
        rows = set(self.chosen)
        least = self.chosen[-1] if self.slots[depth].again else None
        if not self.many:
            return (depth, frozenset((row, self._used(row), row in self._granular(depth)) for row in rows))
        alike = sorted(repr((self._kind(row), self._used(row), row in self._granular(depth))) for row in rows)
        return (depth, tuple(alike), None if least is None else repr(self._kind(least)))

    def _candidate(self) -> Candidate:
        parts: dict[int, dict[str, int]] = {}
        mappings: dict[str, list[int]] = {}
        for slot, row in zip(self.slots, self.chosen, strict=True):
            rows = mappings.setdefault(slot.group.suffix, [])
            if row not in rows:
                rows.append(row)
            for name, amount in slot.resources:
                of = parts.setdefault(row, {})
                of[name] = of.get(name, 0) + amount
        return Candidate(parts, {suffix: tuple(rows) for suffix, rows in mappings.items()})
