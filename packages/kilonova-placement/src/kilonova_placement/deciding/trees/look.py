"""A tree as one attempt sees it: what is left is what the index says, less what this decision has taken already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kilonova_placement.deciding.index import Index, Part
from kilonova_placement.model.providers import Inventory
from kilonova_placement.model.requests import NUMA_NODE

#: What was taken already in this decision, by row and class.
Taken = Mapping[tuple[int, str], int]


class Shortfall(NamedTuple):
    """What a host cannot give: the name of the constraint, and words that follow "3 hosts have ..."."""

    constraint: str
    words: str


class Units(NamedTuple):
    """What one claim may take of an inventory."""

    least: int
    most: int
    step: int


class Look:
    """One attempt at one host. ``parts`` grows by ``take``; ``back_to`` undoes what was taken since a ``mark``."""

    def __init__(self, index: Index, root: int, taken: Taken) -> None:
        self._index, self._taken = index, taken
        self._tree = index.tree(root)
        self.root = root
        self.rows: tuple[int, ...] = tuple(self._tree) if self._tree else (root,)
        self.parts: list[Part] = []
        self._mine: dict[tuple[int, str], int] = {}
        self._node_of: dict[int, int | None] = {}

    # --- what there is

    def name(self, row: int) -> str:
        return self._index.names[row]

    def classes(self) -> Iterable[str]:
        return self._index.classes

    def traits(self, row: int) -> frozenset[str]:
        return frozenset(self._index.own_traits[row])

    def has_traits(self, row: int, required: Iterable[str], forbidden: Iterable[str]) -> bool:
        traits = self.traits(row)
        return traits.issuperset(required) and traits.isdisjoint(forbidden)

    def has(self, row: int, resource_class: str) -> bool:
        """Whether this provider has an inventory of the class, be it used up."""
        return self._units(row, resource_class) is not None

    def left(self, row: int, resource_class: str) -> int:
        """What this provider itself still has, whatever one claim may take of it."""
        key = (row, resource_class)
        return self._index.left(row, resource_class) - self._taken.get(key, 0) - self._mine.get(key, 0)

    def is_unused(self, row: int) -> bool:
        """Whether nothing is claimed of this provider."""
        return not self._index.used(row) and not any(key[0] == row and amount for key, amount in self._taken.items())

    def gives(self, row: int, resource_class: str, amount: int) -> bool:
        """Whether it can give so much in one claim, with what was taken of it in this attempt."""
        units = self._units(row, resource_class)
        if units is None or self.left(row, resource_class) < amount:
            return False
        whole = amount + self._mine.get((row, resource_class), 0)
        return units.least <= whole <= units.most and whole % units.step == 0

    def most(self, row: int, resource_class: str, wanted: int) -> int:
        """As much of what is wanted as it can give."""
        units = self._units(row, resource_class)
        if units is None:
            return 0
        mine = self._mine.get((row, resource_class), 0)
        whole = min(wanted, self.left(row, resource_class), units.most - mine) + mine
        whole -= whole % units.step
        return max(0, whole - mine) if whole >= units.least else 0

    def _units(self, row: int, resource_class: str) -> Units | None:
        if self._tree is not None:
            inventory = self._tree[row].inventories.get(resource_class)
            return _units(inventory) if inventory else None
        columns = self._index.classes.get(resource_class)
        if columns is None or not columns.max_unit[row]:
            return None
        return Units(int(columns.min_unit[row]), int(columns.max_unit[row]), int(columns.step_size[row]))

    # --- how it hangs together

    def nodes(self) -> list[int]:
        """The NUMA nodes; the host itself where it has none to tell apart."""
        return [row for row in self.rows if NUMA_NODE in self._index.own_traits[row]] or [self.root]

    def node_of(self, row: int) -> int | None:
        """The NUMA node that a provider is of; None when nobody says."""
        if row not in self._node_of:
            own_traits = self._index.own_traits
            self._node_of[row] = next((up for up in self._upwards(row) if NUMA_NODE in own_traits[up]), None)
        return self._node_of[row]

    def subtree(self, top: int) -> set[int]:
        """A provider and all below it."""
        return {row for row in self.rows if top in self._upwards(row)}

    def _upwards(self, row: int) -> list[int]:
        """The provider, its parent, and so on up to the host."""
        found, here = list[int](), row
        while here not in found:
            found.append(here)
            parent = self._index.parent_ids[here]
            above = self._index.row_of(parent) if parent else None
            if above is None:
                break
            here = above
        return found

    # --- taking

    def take(self, row: int, resource_class: str, amount: int) -> None:
        key = (row, resource_class)
        self._mine[key] = self._mine.get(key, 0) + amount
        self.parts.append(Part(row, resource_class, amount))

    def take_whole(self, resource_class: str, amount: int) -> bool:
        """Take all of it from the first provider that can give it."""
        for row in self.rows:
            if self.gives(row, resource_class, amount):
                self.take(row, resource_class, amount)
                return True
        return False

    def mark(self) -> int:
        return len(self.parts)

    def back_to(self, mark: int) -> None:
        """Give back what was taken since."""
        for part in self.parts[mark:]:
            self._mine[part.row, part.resource_class] -= part.amount
        del self.parts[mark:]


def _units(inventory: Inventory) -> Units:
    return Units(inventory.min_unit, inventory.largest_claim, inventory.step_size)
