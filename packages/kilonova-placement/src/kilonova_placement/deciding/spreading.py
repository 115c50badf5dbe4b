"""Which providers of a chosen host's tree give what.

A divisible amount comes whole from one provider; discrete things are counted out over as many as needed; for cells,
bundles and machines see ``trees``. Nothing is enumerated: one pass over the tree per class, or per pair of what is
asked and a provider.
"""

from __future__ import annotations

from kilonova_placement.deciding.index import Index, Part
from kilonova_placement.deciding.trees.bundles import place_bundles
from kilonova_placement.deciding.trees.cells import place_cells
from kilonova_placement.deciding.trees.devices import count_out
from kilonova_placement.deciding.trees.look import Look, Shortfall, Taken
from kilonova_placement.deciding.trees.machines import take_machine
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.model.providers import Inventory

_NOTHING: Taken = {}


def spread(wanted: Wanted, index: Index, root: int, taken: Taken) -> list[Part] | None:
    """The parts that make up the request on this host, None when it cannot give them."""
    if not needs_a_look(wanted, index, root):
        return _on_one(wanted, root, taken)
    look = Look(index, root, taken)
    return look.parts if _short_of(look, wanted) is None else None


def needs_a_look(wanted: Wanted, index: Index, root: int) -> bool:
    """Whether the columns do not say all: of a tree, and of what is asked in pieces."""
    return wanted.in_pieces or index.tree(root) is not None


def shortfall(wanted: Wanted, index: Index, root: int) -> Shortfall | None:
    """What this host lacks, although its columns have enough; None when it can give what is wanted."""
    return _short_of(Look(index, root, _NOTHING), wanted) if needs_a_look(wanted, index, root) else None


def _on_one(wanted: Wanted, root: int, taken: Taken) -> list[Part] | None:
    """The usual host, which is alone: the constraints have looked at its units, only this call's own claims count."""
    parts: list[Part] = []
    for item in wanted.amounts:
        name, columns = item.resource_class, item.columns
        if columns is None or columns.free[root] - taken.get((root, name), 0) < item.amount:
            return None
        parts.append(Part(root, name, item.amount))
    return parts


def _short_of(look: Look, wanted: Wanted) -> Shortfall | None:
    """Take all that is wanted, or say what is missing. What has fewest places goes first."""
    request = wanted.request
    if request.machine:
        return take_machine(look, request.machine, request.resources)
    nodes = set[int]()
    if request.numa:
        found = place_cells(look, request.numa, wanted.devices)
        if isinstance(found, Shortfall):
            return found
        nodes = found
    if request.bundles and (short := place_bundles(look, request)):
        return short
    if wanted.devices and (short := count_out(look, wanted.devices, nodes)):
        return short
    for name, amount in wanted.whole:
        if not look.take_whole(name, amount):
            return Shortfall("one provider", f"no part that can give {amount} of {name} whole")
    return None


def allows(inventory: Inventory, amount: int) -> bool:
    """Whether one claim may ask this amount of this inventory, by its units."""
    return inventory.min_unit <= amount <= inventory.largest_claim and amount % inventory.step_size == 0
