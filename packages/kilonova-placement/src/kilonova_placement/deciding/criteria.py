"""By what is decided: the constraints, the weighers, and how much each of these counts. Ours, and an operator's own."""

from __future__ import annotations

from dataclasses import dataclass, field

from kilonova_placement.deciding.constraints import CONSTRAINTS, Constraint
from kilonova_placement.deciding.weighers import WEIGHERS
from kilonova_placement.deciding.weighers.weigher import Multipliers, Weigher, nothing_after


@dataclass(slots=True, frozen=True)
class Criteria:
    """``multipliers``: by the name of a weigher, instead of its own.

    ``counted``: each weigher with how much it counts, where a host says nothing else; ``changing``: those of them that
    one more guest on a host changes. Both are asked for every decision, so they are made once.
    """

    multipliers: Multipliers = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = CONSTRAINTS
    weighers: tuple[Weigher, ...] = WEIGHERS

    counted: tuple[tuple[Weigher, float], ...] = field(init=False)
    changing: tuple[tuple[Weigher, float], ...] = field(init=False)

    def __post_init__(self) -> None:
        counted = tuple((one, self.multipliers.get(one.name, one.multiplier)) for one in self.weighers)
        object.__setattr__(self, "counted", counted)
        object.__setattr__(self, "changing", tuple(pair for pair in counted if pair[0].after is not nothing_after))


OURS = Criteria()
