"""Which providers of a chosen host's tree give what.

A divisible amount comes whole from one provider; discrete things are counted out over as many as needed. Nothing is
enumerated: one pass over the tree per class.
"""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_placement.deciding.index import Index, Part
from kilonova_placement.deciding.wanted import Wanted, WantedAmount
from kilonova_placement.model.providers import Inventory, Provider

#: What was taken already in this decision, by row and class.
Taken = Mapping[tuple[int, str], int]


def spread(wanted: Wanted, index: Index, root: int, taken: Taken) -> list[Part] | None:
    """The parts that make up the request on this host, None when it cannot give them."""
    tree = index.tree(root)
    if tree is None:
        return _on_one(wanted, root, taken)
    parts: list[Part] = []
    for item in wanted.amounts:
        found = _counted(item, tree, index, taken) if item.is_device else _whole(item, tree, index, taken)
        if not found:
            return None
        parts += found
    return parts


def _on_one(wanted: Wanted, root: int, taken: Taken) -> list[Part] | None:
    """The usual host, which is alone: the constraints have looked at its units, only this call's own claims count."""
    parts: list[Part] = []
    for name, amount, _, columns in wanted.amounts:
        if columns is None or columns.free[root] - taken.get((root, name), 0) < amount:
            return None
        parts.append(Part(root, name, amount))
    return parts


def _left(item: WantedAmount, row: int, index: Index, taken: Taken) -> int:
    return index.left(row, item.resource_class) - taken.get((row, item.resource_class), 0)


def _whole(item: WantedAmount, tree: Mapping[int, Provider], index: Index, taken: Taken) -> list[Part]:
    for row, provider in tree.items():
        inventory = provider.inventories.get(item.resource_class)
        if inventory and allows(inventory, item.amount) and _left(item, row, index, taken) >= item.amount:
            return [Part(row, item.resource_class, item.amount)]
    return []


def _counted(item: WantedAmount, tree: Mapping[int, Provider], index: Index, taken: Taken) -> list[Part]:
    parts, missing = [], item.amount
    for row, provider in tree.items():
        inventory = provider.inventories.get(item.resource_class)
        if inventory is None:
            continue
        here = min(missing, _left(item, row, index, taken), inventory.largest_claim)
        here -= here % inventory.step_size
        if here >= inventory.min_unit:
            parts.append(Part(row, item.resource_class, here))
            missing -= here
        if not missing:
            return parts
    return []


def allows(inventory: Inventory, amount: int) -> bool:
    """Whether one claim may ask this amount of this inventory, by its units."""
    return inventory.min_unit <= amount <= inventory.largest_claim and amount % inventory.step_size == 0
