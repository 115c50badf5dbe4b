"""A guest's NUMA cells, each on a node of its own.

Whether a node can give a cell is looked at for each pair; which gets which is a matching. Nodes are taken one by one,
those first that have the devices which the guest wants near, then the fullest that will do: so a single cell always
finds the node that its devices ask for, and room for large cells stays in one piece.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from kilonova_placement.deciding.trees.devices import Kinds, is_near, kinds_for
from kilonova_placement.deciding.trees.look import Look, Shortfall
from kilonova_placement.deciding.trees.matching import Matching
from kilonova_placement.model.requests import NO_SHARED_PROCESSORS, DeviceWish, NumaCell, NumaPolicy, NumaWish

DEDICATED, SHARED, MEMORY, NODE_MEMORY = "PCPU", "VCPU", "MEMORY_MB", "NUMA_MEMORY_MB"


def place_cells(look: Look, wish: NumaWish, devices: Sequence[DeviceWish]) -> set[int] | Shortfall:
    """Take what the cells ask, and say on which nodes they are."""
    short: Shortfall | None = None
    for memory_class in wish.memory_classes:
        mark = look.mark()
        found = _with(look, wish.cells, memory_class, devices)
        if isinstance(found, set):
            return found
        look.back_to(mark)
        short = short or found
    return short or Shortfall("NUMA cells", "no memory for its cells")


def _with(
    look: Look, cells: Sequence[NumaCell], memory_class: str, devices: Sequence[DeviceWish]
) -> set[int] | Shortfall:
    nodes = look.nodes()
    of_nodes = {name for name in (SHARED, MEMORY, NODE_MEMORY) if any(look.has(node, name) for node in nodes)}
    demands = [_demand(cell, memory_class, of_nodes) for cell in cells]
    fits = {
        node: [number for number, cell in enumerate(cells) if _is_for(look, node, cell, demands[number])]
        for node in nodes
    }
    matching = _matched(look, fits, len(cells), _Pull(look, kinds_for(look, devices)))
    if len(matching) < len(cells):
        return _too_few(cells, memory_class, len(nodes), len(matching))
    for number, node in matching.pairs():
        for name, amount in demands[number].items():
            look.take(node, name, amount)
    short = _take_rest(look, cells, memory_class, of_nodes)
    return short or {node for _, node in matching.pairs()}


def _demand(cell: NumaCell, memory_class: str, of_nodes: Collection[str]) -> dict[str, int]:
    """What a node itself must give."""
    asked = {DEDICATED: cell.dedicated_cores, SHARED: cell.shared_cores if SHARED in of_nodes else 0}
    if memory_class == MEMORY:
        asked |= {name: cell.memory_mb for name in (NODE_MEMORY, MEMORY) if name in of_nodes}
    else:
        asked[memory_class] = cell.memory_mb
    return {name: amount for name, amount in asked.items() if amount}


def _is_for(look: Look, node: int, cell: NumaCell, amounts: dict[str, int]) -> bool:
    """Whether the cell can be on this node, and the node give what it must itself."""
    if cell.shared_cores and NO_SHARED_PROCESSORS in look.traits(node):
        return False
    return all(look.gives(node, name, amount) for name, amount in amounts.items())


def _take_rest(look: Look, cells: Sequence[NumaCell], memory_class: str, of_nodes: Collection[str]) -> Shortfall | None:
    """Take from the host what its nodes do not have: shared cores and, in ordinary pages, memory."""
    shared = 0 if SHARED in of_nodes else sum(cell.shared_cores for cell in cells)
    memory = 0 if MEMORY in of_nodes or memory_class != MEMORY else sum(cell.memory_mb for cell in cells)
    for name, amount in ((SHARED, shared), (MEMORY, memory)):
        if amount and not look.take_whole(name, amount):
            return Shortfall("one provider", f"no part that can give {amount} of {name} whole")
    return None


# --- which nodes


def _matched(look: Look, fits: dict[int, list[int]], cells: int, pull: _Pull) -> Matching:
    matching, open_nodes = Matching(fits), [node for node, good_for in fits.items() if good_for]
    while len(matching) < cells:
        open_nodes.sort(key=lambda node: (*pull.of(node), look.left(node, DEDICATED), _memory_left(look, node)))
        node = next((node for node in open_nodes if matching.add(node)), None)
        if node is None:
            break
        open_nodes.remove(node)
        pull.settle(node)
    return matching


def _memory_left(look: Look, node: int) -> int:
    return look.left(node, NODE_MEMORY) + look.left(node, MEMORY)


class _Missing(NamedTuple):
    """So many more must be, or had better be, near."""

    kinds: Kinds
    number: int


class _Pull:
    """How much each node has of the devices that are still to be near."""

    def __init__(self, look: Look, kinds: Sequence[Kinds]) -> None:
        self._look = look
        self._missing = [_Missing(kind, kind.wish.count - self._anywhere(kind)) for kind in kinds]

    def _anywhere(self, kind: Kinds) -> int:
        """Devices that are near wherever the cells are."""
        return sum(self._left(kind, row) for row in kind.rows if is_near(self._look, row, kind.wish, ()))

    def of(self, node: int) -> tuple[int, int]:
        """For sorting: those that must be near before those that had better be."""
        must = sum(self._here(one, node) for one in self._missing if one.kinds.wish.near is not NumaPolicy.PREFERRED)
        better = sum(self._here(one, node) for one in self._missing if one.kinds.wish.near is NumaPolicy.PREFERRED)
        return -must, -better

    def settle(self, node: int) -> None:
        """A cell is on this node."""
        self._missing = [one._replace(number=one.number - self._here(one, node)) for one in self._missing]

    def _here(self, missing: _Missing, node: int) -> int:
        kind = missing.kinds
        if missing.number <= 0:
            return 0
        there = sum(self._left(kind, row) for row in kind.rows if is_near(self._look, row, kind.wish, (node,)))
        return min(missing.number, there)

    def _left(self, kind: Kinds, row: int) -> int:
        return max(0, self._look.left(row, kind.wish.resource_class))


def _too_few(cells: Sequence[NumaCell], memory_class: str, nodes: int, matched: int) -> Shortfall:
    if len(cells) > nodes:
        return Shortfall("NUMA cells", f"fewer NUMA nodes than the {len(cells)} asked for ({nodes})")
    each = " or ".join(sorted({_said(cell, memory_class) for cell in cells}))
    many = f"too few NUMA nodes with {each} free ({matched} of {len(cells)})"
    return Shortfall("NUMA cells", many if len(cells) > 1 else f"no NUMA node with {each} free")


def _said(cell: NumaCell, memory_class: str) -> str:
    pages = "memory" if memory_class == MEMORY else memory_class
    cores = [
        f"{amount} {name}"
        for amount, name in ((cell.dedicated_cores, DEDICATED), (cell.shared_cores, SHARED))
        if amount
    ]
    return " and ".join([*cores, f"{cell.memory_mb} MB of {pages}"])
