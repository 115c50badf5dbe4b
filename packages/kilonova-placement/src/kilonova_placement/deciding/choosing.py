"""A request and the index in, a placement per guest asked for out, or an explanation.

Filtering and weighing (``scoring.py``) are kept between decisions, per kind of request (``pictures.py``). After each
pick only the picked host's score and room are looked at again, so any number alike costs little more than one. The
index is not changed: whoever commits the placement takes its parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from kilonova_placement.deciding.explaining import explain_refusal
from kilonova_placement.deciding.index import Index, Part
from kilonova_placement.deciding.pictures import Picture, Pictures
from kilonova_placement.deciding.scoring import checks, weights
from kilonova_placement.deciding.spreading import spread
from kilonova_placement.deciding.weighers import Multipliers
from kilonova_placement.model.explanations import Explanation, Winner
from kilonova_placement.model.requests import Request


class Placement(NamedTuple):
    """One guest's place: the row of the host, and what is taken of which providers."""

    root: int
    parts: list[Part]


@dataclass(slots=True, frozen=True)
class Chooser:
    """How to choose: the weighers' multipliers, the source of chance that breaks ties, and what is kept meanwhile."""

    multipliers: Multipliers
    random: Random
    pictures: Pictures = field(default_factory=Pictures)


def choose(request: Request, count: int, index: Index, chooser: Chooser) -> list[Placement] | Explanation:
    """Find places for ``count`` alike, all or none."""
    picture = chooser.pictures.of(request, index, chooser.multipliers)
    placements = list(_pick(picture, count, index, chooser.random))
    if len(placements) == count:
        return placements
    return explain_refusal(picture.wanted, index, checks(picture.wanted, index), count, len(placements))


def explain(request: Request, count: int, index: Index, chooser: Chooser) -> Explanation:
    """What would happen now: the constraints one by one, and the winner with its weights when it fits."""
    picture = chooser.pictures.of(request, index, chooser.multipliers)
    wanted = picture.wanted
    placements = list(_pick(picture, count, index, chooser.random))
    explanation = explain_refusal(wanted, index, checks(wanted, index), count, len(placements))
    if not placements:
        return explanation
    root = placements[0].root
    given = {name: float(weight[root]) for name, weight in weights(wanted, index, chooser.multipliers)}
    winner = Winner(host=index.names[root], cell=index.cell_name(root), weights=given)
    return Explanation(
        hosts=explanation.hosts,
        count=count,
        fits=explanation.fits,
        constraints=explanation.constraints,
        winner=winner,
    )


def _pick(picture: Picture, count: int, index: Index, random: Random) -> Iterator[Placement]:
    """Up to ``count`` placements, best first."""
    taken: dict[tuple[int, str], int] = {}
    picked: set[int] = set()
    while count:
        root = picture.best(random)
        if root is None:
            return
        parts = spread(picture.wanted, index, root, taken)
        if parts is None:
            picture.leave_out(root, until_it_changes=root not in picked)
            continue
        yield Placement(root, parts)
        count -= 1
        picked.add(root)
        picture.lower(root, picture.change)
        for part in parts:
            key = (part.row, part.resource_class)
            taken[key] = taken.get(key, 0) + part.amount
