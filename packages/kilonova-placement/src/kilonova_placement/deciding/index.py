"""What every provider has left, in columns: the picture that deciding looks at.

One row per provider; the row of a *host* (a provider without a parent) also sums up its tree: free amounts, traits.
Rows of removed providers are reused. Changed in place: ``show`` and ``drop`` when a provider changes, ``take`` and
``give`` per claim. Only the writer of claims changes it, between two awaits, so a reader always sees a whole picture.

What is decided may be kept and repaired (``pictures.py``): every change of a host's row, or of its tree, is noted in
``changed``, and ``excerpt`` shows some hosts alone, so that constraints and weighers look at those only.

Invariants: ``used`` is the sum of the live claims at the row's ``generation``; for a host ``free`` is capacity less
used (for a tree: the sum over its providers of what is not negative). Both are proven by ``app/proving.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.attributes import HostAttributes
from kilonova_placement.deciding.bits import LabelSets, Mask, Rows, grown
from kilonova_placement.deciding.changes import ChangedRows
from kilonova_placement.deciding.groups import Groups
from kilonova_placement.model.providers import Inventory, Provider, ProviderUse

Amounts = NDArray[np.int64]
Labels = tuple[str, ...]
_NO_BOUND = 2**62
#: The columns of a class, and those of a provider beside its classes and labels.
_OF_CLASS = ("capacity", "used", "free", "beyond", "min_unit", "max_unit", "step_size")
_OF_PROVIDER = ("root", "generation", "cell", "open", "is_host", "down")
_LISTS = ("provider_ids", "names", "own_traits", "own_aggregates", "parent_ids")


class Part(NamedTuple):
    """So much of a class from the provider in this row."""

    row: int
    resource_class: str
    amount: int


class ClassColumns:
    """One resource class over all rows. The ``largest`` and ``smallest`` are bounds that let most checks be skipped."""

    def __init__(self, rows: int) -> None:
        self.capacity: Amounts = np.zeros(rows, np.int64)
        self.used: Amounts = np.zeros(rows, np.int64)
        self.free: Amounts = np.zeros(rows, np.int64)
        #: How much of what a tree has free is beyond its provider with the most; ``scattered``: some tree has such.
        self.beyond: Amounts = np.zeros(rows, np.int64)
        self.scattered = False
        self.min_unit: Amounts = np.zeros(rows, np.int64)
        self.max_unit: Amounts = np.zeros(rows, np.int64)
        self.step_size: Amounts = np.ones(rows, np.int64)
        self.largest_min = self.largest_step = self.largest_capacity = 1
        self.smallest_max = _NO_BOUND

    def grow(self, rows: int) -> None:
        for name in _OF_CLASS:
            setattr(self, name, grown(getattr(self, name), rows))
        self.step_size[self.step_size == 0] = 1

    def excerpt(self, rows: Rows) -> ClassColumns:
        """These rows alone, with the bounds of all."""
        small = ClassColumns(0)
        for name in _OF_CLASS:
            setattr(small, name, getattr(self, name)[rows])
        small.largest_min, small.largest_step = self.largest_min, self.largest_step
        small.largest_capacity, small.smallest_max = self.largest_capacity, self.smallest_max
        small.scattered = self.scattered
        return small

    def put(self, row: int, inventory: Inventory | None, used: int) -> None:
        self.capacity[row] = capacity = inventory.capacity if inventory else 0
        self.used[row], self.free[row], self.beyond[row] = used, capacity - used, 0
        if capacity > self.largest_capacity:
            self.largest_capacity = capacity
        if inventory is None:
            self.min_unit[row], self.max_unit[row], self.step_size[row] = 0, 0, 1
        else:
            self._set_units(row, inventory.min_unit, inventory.largest_claim, inventory.step_size)

    def set_units(self, row: int, inventories: list[Inventory]) -> None:
        """What one claim may ask of this row; of a tree, the loosest of its providers (spreading looks closer)."""
        if not inventories:
            self.min_unit[row], self.max_unit[row], self.step_size[row] = 0, 0, 1
            return
        smallest = min(inventory.min_unit for inventory in inventories)
        largest = max(inventory.largest_claim for inventory in inventories)
        self._set_units(row, smallest, largest, inventories[0].step_size if len(inventories) == 1 else 1)

    def _set_units(self, row: int, smallest: int, largest: int, step: int) -> None:
        self.min_unit[row], self.max_unit[row], self.step_size[row] = smallest, largest, step
        self.largest_min, self.largest_step = max(self.largest_min, smallest), max(self.largest_step, step)
        self.smallest_max = min(self.smallest_max, largest)


class Index:
    """All providers. ``rows`` is how many rows are in use or free for reuse; every column is at least that long."""

    def __init__(
        self, room: int = 64, most: Mapping[str, int] | None = None, attributes: HostAttributes | None = None
    ) -> None:
        self.rows = 0
        self.hosts = 0
        self._room = room
        self._row_of: dict[str, int] = {}
        self._free_rows: list[int] = []
        self.provider_ids: list[str] = []
        self.names: list[str] = []
        #: What a provider itself has, and where it hangs; of a tree's root, ``traits`` below holds the whole tree's.
        self.own_traits: list[Labels] = []
        self.own_aggregates: list[Labels] = []
        self.parent_ids: list[str | None] = []
        self._labels: dict[Labels, Labels] = {}
        self._row_of_host: dict[str, int] = {}
        self.root: NDArray[np.int32] = np.zeros(room, np.int32)
        self.generation: Amounts = np.zeros(room, np.int64)
        self.cell: NDArray[np.int32] = np.zeros(room, np.int32)
        #: Hosts that take new claims, and all hosts.
        self.open: Mask = np.zeros(room, np.bool_)
        self.is_host: Mask = np.zeros(room, np.bool_)
        self.down: Mask = np.zeros(room, np.bool_)
        self.traits = LabelSets(room)
        self.places = LabelSets(room)
        #: What is said about hosts beside that, and how many guests they have.
        self.attributes = attributes or HostAttributes(room, most)
        self.classes: dict[str, ClassColumns] = {}
        self._cells: list[str] = [""]
        #: Trees of more than one provider only: root row -> {row: provider}.
        self._trees: dict[int, dict[int, Provider]] = {}
        #: Roots of trees that have got or changed a member, while they are shown.
        self._to_sum: set[int] = set()
        #: Rows of hosts whose own or whose tree's picture has changed.
        self.changed = ChangedRows()
        #: Who of a group stands where. It is not in an excerpt: a group's requests are decided afresh.
        self.groups = Groups()

    # --- looking

    def row_of(self, provider_id: str) -> int | None:
        return self._row_of.get(provider_id)

    def row_of_host(self, name: str) -> int | None:
        return self._row_of_host.get(name)

    def providers(self) -> Iterator[tuple[str, int]]:
        """Every provider's id and row."""
        return iter(self._row_of.items())

    def generation_of(self, provider_id: str) -> int:
        """The generation this picture shows; 0 for one that is not here."""
        row = self._row_of.get(provider_id)
        return 0 if row is None else int(self.generation[row])

    def cell_name(self, row: int) -> str:
        return self._cells[int(self.cell[row])]

    def cell_code(self, name: str) -> int:
        """The number that stands for a cell; -1 for one that no provider is in."""
        return self._cells.index(name) if name in self._cells else -1

    def tree(self, root: int) -> Mapping[int, Provider] | None:
        """The providers of a tree by row, None for a host that is alone."""
        return self._trees.get(root)

    def trees(self) -> Iterator[tuple[int, Mapping[int, Provider]]]:
        """Every tree of more than one provider: its root's row, and its providers by row."""
        return iter(self._trees.items())

    def has_trees(self) -> bool:
        return bool(self._trees)

    def left(self, row: int, resource_class: str) -> int:
        """What this provider itself still has, negative when it has shrunk below what is claimed."""
        columns = self.classes.get(resource_class)
        return int(columns.capacity[row] - columns.used[row]) if columns else 0

    def used(self, row: int) -> dict[str, int]:
        """What is claimed of this provider, without zeros."""
        return {name: int(columns.used[row]) for name, columns in self.classes.items() if columns.used[row]}

    def scale(self) -> tuple[int, ...]:
        """What weights are measured by beside their own row: the largest of each class, the versions there are.

        And how many guests a host has usually.
        """
        largest = (columns.largest_capacity for columns in self.classes.values())
        return (*largest, *self.attributes.scale(), self.usual_guests)

    @property
    def usual_guests(self) -> int:
        """How many guests a host has on the average, in whole ones; 0 as long as nobody looks at it."""
        return self.attributes.all_guests // max(1, self.hosts) if self.attributes.has_images else 0

    def excerpt(self, roots: Iterable[int]) -> Index:
        """These hosts and their trees alone, with the bounds of all: row 0 there is the first of these hosts."""
        rows = list(roots)
        whole = {root: tree for root in rows if (tree := self._trees.get(root))}
        rows += [row for root, tree in whole.items() for row in tree if row != root]
        there, at = {row: number for number, row in enumerate(rows)}, np.array(rows, np.intp)
        small = Index(room=0, attributes=self.attributes.excerpt(at))
        small.rows, small.hosts, small._cells = len(rows), self.hosts, self._cells
        for name in _OF_PROVIDER:
            setattr(small, name, getattr(self, name)[at])
        for name in _LISTS:
            whole_list = getattr(self, name)
            setattr(small, name, [whole_list[row] for row in rows])
        small.root = np.array([there.get(row, 0) for row in small.root.tolist()], np.int32)
        small._row_of = {provider_id: row for row, provider_id in enumerate(small.provider_ids) if provider_id}
        small._row_of_host = {small.names[row]: row for row in np.flatnonzero(small.is_host).tolist()}
        small._trees = {there[root]: {there[row]: one for row, one in tree.items()} for root, tree in whole.items()}
        small.traits, small.places = self.traits.excerpt(at), self.places.excerpt(at)
        small.classes = {name: columns.excerpt(at) for name, columns in self.classes.items()}
        return small

    # --- claims

    def take(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self._add(part.row, part.resource_class, part.amount)

    def give(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self._add(part.row, part.resource_class, -part.amount)

    def _add(self, row: int, resource_class: str, amount: int) -> None:
        columns, root = self._columns(resource_class), int(self.root[row])
        columns.used[row] += amount
        self.changed.add(root)
        if root in self._trees:
            self._sum_class(root, columns)
        else:
            columns.free[row] -= amount

    def arrive(self, root: int) -> None:
        """A claim is made on this host."""
        self.attributes.arrive(root)
        self.changed.add(root)

    def withdraw(self, root: int) -> None:
        """A claim that was to be made on this host is not."""
        self.attributes.arrive(root, -1)
        self.changed.add(root)

    def leave(self, root: int) -> None:
        """A claim on this host is released."""
        self.attributes.leave(root)
        self.changed.add(root)

    def pass_time(self, now: float) -> None:
        """Let what counts less with time count less."""
        for row in self.attributes.pass_time(now):
            self.changed.add(row)

    # --- providers

    def show(self, uses: Iterable[ProviderUse]) -> None:
        """Show providers as they are now. Whoever shows a child shows its host in the same call."""
        uses = list(uses)
        self._drop_moved(uses)
        hosts_first = sorted(uses, key=lambda use: use.provider.parent_id is not None)
        hosts = {use.provider.provider_id: use.provider for use in hosts_first if use.provider.parent_id is None}
        for use in hosts_first:
            if use.provider.parent_id is not None and use.provider.root_id in hosts:
                self._seat_host(hosts[use.provider.root_id])
            self._put(use)
        for root in self._to_sum & self._trees.keys():
            self._sum_tree(root)
        self._to_sum.clear()

    def _drop_moved(self, uses: Iterable[ProviderUse]) -> None:
        """A provider that has another root now is forgotten where it was; whoever shows it shows both trees."""
        for use in uses:
            row = self._row_of.get(use.provider.provider_id)
            if row is not None and self._row_of.get(use.provider.root_id) != int(self.root[row]):
                self.drop(use.provider.provider_id)

    def _put(self, use: ProviderUse) -> None:
        provider, is_new = use.provider, use.provider.provider_id not in self._row_of
        row = self._row(provider.provider_id)
        self._leave_tree(row, provider)
        self.names[row], self.generation[row] = provider.name, provider.generation
        self.cell[row] = self._cell(provider.cell)
        is_host = provider.parent_id is None
        self.is_host[row], self.open[row] = is_host, is_host and not provider.disabled and not provider.down
        self.down[row] = bool(provider.down)
        self.traits.put(row, provider.traits)
        self.own_traits[row], self.own_aggregates[row] = (
            self._shared(provider.traits),
            self._shared(provider.aggregates),
        )
        self.parent_ids[row] = provider.parent_id
        zone = [f"zone:{provider.zone}"] if provider.zone else []
        self.places.put(row, [*zone, *(f"aggregate:{name}" for name in provider.aggregates)])
        for name in {*provider.inventories, *use.used, *self.classes}:
            self._columns(name).put(row, provider.inventories.get(name), use.used.get(name, 0))
        if is_host:
            self._row_of_host[provider.name] = row
            self.attributes.put(row, provider.attributes)
            self.attributes.count(row, use.guests, is_new=is_new)
        self._join_tree(row, provider)
        self.changed.add(row)
        self.hosts = len(self._row_of_host)

    def drop(self, provider_id: str) -> None:
        """Forget a provider."""
        row = self._row_of.pop(provider_id, None)
        if row is None:
            return
        root = int(self.root[row])
        self._forget_name(row)
        self._forget_in_tree(root, row)
        self.open[row] = self.is_host[row] = False
        for columns in self.classes.values():
            columns.put(row, None, 0)
        self.traits.put(row, ())
        self.places.put(row, ())
        self.attributes.clear(row)
        self.provider_ids[row] = self.names[row] = ""
        self.own_traits[row] = self.own_aggregates[row] = ()
        self._free_rows.append(row)
        self.changed.add(row)
        self.hosts = len(self._row_of_host)

    def _shared(self, labels: Labels) -> Labels:
        """The same tuple for the same labels: thousands of hosts have few different ones."""
        return self._labels.setdefault(labels, labels)

    def _row(self, provider_id: str) -> int:
        row = self._row_of.get(provider_id)
        if row is None:
            row = self._free_rows.pop() if self._free_rows else self._new_row()
            self._row_of[provider_id] = row
            self.provider_ids[row], self.root[row] = provider_id, row
        return row

    def _new_row(self) -> int:
        if self.rows == self._room:
            self._grow(self._room * 2)
        self.provider_ids.append("")
        self.names.append("")
        self.own_traits.append(())
        self.own_aggregates.append(())
        self.parent_ids.append(None)
        self.rows += 1
        return self.rows - 1

    def _grow(self, room: int) -> None:
        self._room = room
        for name in _OF_PROVIDER:
            setattr(self, name, grown(getattr(self, name), room))
        self.traits.grow(room)
        self.places.grow(room)
        self.attributes.grow(room)
        for columns in self.classes.values():
            columns.grow(room)

    def _columns(self, resource_class: str) -> ClassColumns:
        columns = self.classes.get(resource_class)
        if columns is None:
            columns = self.classes[resource_class] = ClassColumns(self._room)
        return columns

    def _cell(self, name: str) -> int:
        if name not in self._cells:
            self._cells.append(name)
        return self._cells.index(name)

    # --- trees

    def _leave_tree(self, row: int, provider: Provider) -> None:
        """A renamed host, or a provider that has moved to another tree, leaves what it was."""
        if self.names[row] not in ("", provider.name):
            self._forget_name(row)
        root = int(self.root[row])
        if root != row and root != self._row_of.get(provider.root_id):
            self._forget_in_tree(root, row)

    def _forget_name(self, row: int) -> None:
        if self._row_of_host.get(self.names[row]) == row:
            del self._row_of_host[self.names[row]]

    def _join_tree(self, row: int, provider: Provider) -> None:
        root = self._row_of.get(provider.root_id, row)
        self.root[row] = root
        if root == row and root not in self._trees:
            return
        self._trees.setdefault(root, {})[row] = provider
        self._to_sum.add(root)

    def _seat_host(self, provider: Provider) -> None:
        """Say what a host itself has before its first child joins: a tree sums over its members."""
        root = self._row_of[provider.provider_id]
        self._trees.setdefault(root, {})[root] = provider

    def _forget_in_tree(self, root: int, row: int) -> None:
        tree = self._trees.get(root)
        if tree is None:
            return
        tree.pop(row, None)
        if row == root or not tree:
            del self._trees[root]
        elif set(tree) == {root}:
            self._stand_alone(root, self._trees.pop(root)[root])
        else:
            self._sum_tree(root)

    def _stand_alone(self, root: int, provider: Provider) -> None:
        """The last part has gone: the host is an ordinary one again."""
        for name, columns in self.classes.items():
            columns.put(root, provider.inventories.get(name), int(columns.used[root]))
        self.traits.put(root, provider.traits)
        self.changed.add(root)

    def _sum_tree(self, root: int) -> None:
        tree = self._trees[root]
        self.changed.add(root)
        if root not in tree:
            return
        for name, columns in self.classes.items():
            inventories = [found for provider in tree.values() if (found := provider.inventories.get(name))]
            columns.set_units(root, inventories)
            self._sum_class(root, columns)
        self.traits.put(root, {trait for provider in tree.values() for trait in provider.traits})

    def _sum_class(self, root: int, columns: ClassColumns) -> None:
        capacity, used = columns.capacity, columns.used  # few rows: numpy would cost more than it saves
        left = [int(capacity[row]) - int(used[row]) for row in self._trees[root]]
        columns.free[root] = free = sum(amount for amount in left if amount > 0)
        columns.beyond[root] = beyond = free - max(0, *left)
        columns.scattered = columns.scattered or beyond > 0
