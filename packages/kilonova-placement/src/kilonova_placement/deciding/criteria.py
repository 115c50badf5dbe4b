"""By what is decided: the constraints, the weighers, and how much each of these counts. Ours, and an operator's own."""

from __future__ import annotations

from dataclasses import dataclass, field

from kilonova_placement.deciding.constraints import CONSTRAINTS, Constraint
from kilonova_placement.deciding.weighers import WEIGHERS
from kilonova_placement.deciding.weighers.weigher import Multipliers, Weigher


@dataclass(slots=True, frozen=True)
class Criteria:
    """``multipliers``: by the name of a weigher, instead of its own."""

    multipliers: Multipliers = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = CONSTRAINTS
    weighers: tuple[Weigher, ...] = WEIGHERS

    def multiplier(self, weigher: Weigher) -> float:
        """How much a weigher counts, where a host says nothing else."""
        return self.multipliers.get(weigher.name, weigher.multiplier)


OURS = Criteria()
