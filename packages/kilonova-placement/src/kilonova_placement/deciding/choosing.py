"""Filter, weigh, pick: a request and the index in, a placement per guest asked for out, or an explanation.

The filters run once for any number alike; after each pick only the picked host's score and room are looked at again.
The index is not changed: whoever commits the placement takes its parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints import CONSTRAINTS, Check
from kilonova_placement.deciding.explaining import explain_refusal
from kilonova_placement.deciding.index import Index, Part
from kilonova_placement.deciding.spreading import spread
from kilonova_placement.deciding.wanted import Wanted, translate
from kilonova_placement.deciding.weighers import WEIGHERS, Multipliers, Score
from kilonova_placement.model.explanations import Explanation, Winner
from kilonova_placement.model.requests import Request

#: Scores closer than this are a tie.
_TIE = 1e-9


class Placement(NamedTuple):
    """One guest's place: the row of the host, and what is taken of which providers."""

    root: int
    parts: list[Part]


class Chooser(NamedTuple):
    """How to choose: the weighers' multipliers, and the source of chance that breaks ties."""

    multipliers: Multipliers
    random: Random


def choose(request: Request, count: int, index: Index, chooser: Chooser) -> list[Placement] | Explanation:
    """Find places for ``count`` alike, all or none."""
    wanted = translate(request, index)
    mask = passing(wanted, index)
    placements = list(_pick(wanted, count, index, mask, chooser))
    if len(placements) == count:
        return placements
    return explain_refusal(wanted, index, _checks(wanted, index), count, len(placements))


def explain(request: Request, count: int, index: Index, chooser: Chooser) -> Explanation:
    """What would happen now: the constraints one by one, and the winner with its weights when it fits."""
    wanted = translate(request, index)
    placements = list(_pick(wanted, count, index, passing(wanted, index), chooser))
    explanation = explain_refusal(wanted, index, _checks(wanted, index), count, len(placements))
    if not placements:
        return explanation
    root = placements[0].root
    weights = {name: float(score[root]) for name, score in _weights(wanted, index, chooser.multipliers)}
    winner = Winner(host=index.names[root], cell=index.cell_name(root), weights=weights)
    return Explanation(
        hosts=explanation.hosts,
        count=count,
        fits=explanation.fits,
        constraints=explanation.constraints,
        winner=winner,
    )


def passing(wanted: Wanted, index: Index) -> Mask:
    """The hosts that pass every constraint, as a mask over the rows."""
    mask = index.is_host[: index.rows].copy()
    for check in _checks(wanted, index):
        check.narrow(mask)
    return mask


def _checks(wanted: Wanted, index: Index) -> Iterator[Check]:
    for constraint in CONSTRAINTS:
        yield from constraint(wanted, index)


def _weights(wanted: Wanted, index: Index, multipliers: Multipliers) -> Iterator[tuple[str, Score]]:
    for weigher in WEIGHERS:
        multiplier = multipliers.get(weigher.name, 1.0)
        weight = weigher.weigh(wanted, index) if multiplier else None
        if weight is not None:
            if multiplier != 1.0:
                weight *= multiplier
            yield weigher.name, weight


def _score(wanted: Wanted, index: Index, mask: Mask, multipliers: Multipliers) -> Score:
    """The sum of the weights; minus infinity for who may not be chosen."""
    score: Score | None = None
    for _, weight in _weights(wanted, index, multipliers):
        score = weight if score is None else np.add(score, weight, out=score)
    if score is None:
        score = np.zeros(index.rows, np.float64)
    np.copyto(score, -np.inf, where=~mask)
    return score


def _pick(wanted: Wanted, count: int, index: Index, mask: Mask, chooser: Chooser) -> Iterator[Placement]:
    """Up to ``count`` placements, best first."""
    if not mask.any():
        return
    score = _score(wanted, index, mask, chooser.multipliers)
    change = sum(chooser.multipliers.get(weigher.name, 1.0) * weigher.after(wanted, index) for weigher in WEIGHERS)
    taken: dict[tuple[int, str], int] = {}
    while count:
        root = _best(score, chooser.random)
        if score[root] == -np.inf:
            return
        parts = spread(wanted, index, root, taken)
        if parts is None:
            score[root] = -np.inf
            continue
        yield Placement(root, parts)
        count -= 1
        score[root] += change
        for part in parts:
            key = (part.row, part.resource_class)
            taken[key] = taken.get(key, 0) + part.amount


def _best(score: Score, random: Random) -> int:
    """The row with the highest score; chance decides between equals."""
    best = score.max()
    if best == -np.inf:
        return 0
    ties = np.flatnonzero(score >= best - _TIE)
    return int(ties[0] if len(ties) == 1 else ties[random.randrange(len(ties))])
