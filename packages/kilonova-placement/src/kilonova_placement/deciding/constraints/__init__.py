"""Who cannot: one small file per constraint, in the order they are applied and explained.

A constraint is a function of (wanted, index) that gives the checks this request needs, none when it asks nothing of the
kind. A check narrows a mask over the index's rows; the same check, applied alone, explains whom it removed.

Law: about a host a check looks at its own row and tree only, and at nothing that changes without being noted in
``index.changed``: its answers are kept, and asked again on an excerpt of the index (``pictures.py``, which also says
which requests are decided afresh every time).
"""

from __future__ import annotations

from collections.abc import Callable

from kilonova_placement.deciding.constraints.amounts import amounts
from kilonova_placement.deciding.constraints.cells import cells
from kilonova_placement.deciding.constraints.check import Check
from kilonova_placement.deciding.constraints.crowd import crowd
from kilonova_placement.deciding.constraints.group import group
from kilonova_placement.deciding.constraints.labels import labels
from kilonova_placement.deciding.constraints.marks import marks
from kilonova_placement.deciding.constraints.network import network
from kilonova_placement.deciding.constraints.place import place
from kilonova_placement.deciding.constraints.state import state
from kilonova_placement.deciding.constraints.traits import traits
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted

Constraint = Callable[[Wanted, Index], list[Check]]

CONSTRAINTS: tuple[Constraint, ...] = (state, place, network, labels, marks, crowd, group, traits, cells, amounts)

__all__ = ["CONSTRAINTS", "Check", "Constraint"]
