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

import msgspec

from kilonova_placement.deciding.constraints.crowd import room
from kilonova_placement.deciding.criteria import Criteria
from kilonova_placement.deciding.explaining import explain_failure, explain_refusal
from kilonova_placement.deciding.grouping import Placed, must_share, roomiest
from kilonova_placement.deciding.index import Index, Part
from kilonova_placement.deciding.own import OwnFailed
from kilonova_placement.deciding.pictures import Picture, Pictures
from kilonova_placement.deciding.scoring import change_by_one, checks, weights
from kilonova_placement.deciding.spreading import spread
from kilonova_placement.deciding.wanted import translate
from kilonova_placement.model.explanations import Explanation, Winner
from kilonova_placement.model.requests import Request


class Placement(NamedTuple):
    """One guest's place: the row of the host, and what is taken of which providers."""

    root: int
    parts: list[Part]


@dataclass(slots=True, frozen=True)
class Chooser:
    """How to choose: by what, the source of chance that breaks ties, and what is kept meanwhile."""

    criteria: Criteria
    random: Random
    pictures: Pictures = field(default_factory=Pictures)


def choose(
    request: Request, count: int, index: Index, chooser: Chooser, asking: str = ""
) -> list[Placement] | Explanation:
    """Find places for ``count`` alike, all or none. ``asking`` does not count against itself in a group."""
    try:
        return _choose(request, count, index, chooser, asking)
    except OwnFailed as failed:
        return explain_failure(translate(request, index, asking), index, failed.what, count)


def _choose(request: Request, count: int, index: Index, chooser: Chooser, asking: str) -> list[Placement] | Explanation:
    picture = chooser.pictures.of(request, index, chooser.criteria, asking)
    placements = list(_pick(picture, count, index, chooser))
    if len(placements) == count:
        return placements
    return explain_refusal(
        picture.wanted, index, checks(picture.wanted, index, chooser.criteria), count, len(placements)
    )


def explain(request: Request, count: int, index: Index, chooser: Chooser, asking: str = "") -> Explanation:
    """What would happen now: the constraints one by one, and the winner with its weights when it fits."""
    try:
        return _explain(request, count, index, chooser, asking)
    except OwnFailed as failed:
        return explain_failure(translate(request, index, asking), index, failed.what, count)


def _explain(request: Request, count: int, index: Index, chooser: Chooser, asking: str) -> Explanation:
    picture = chooser.pictures.of(request, index, chooser.criteria, asking)
    wanted = picture.wanted
    placements = list(_pick(picture, count, index, chooser))
    explanation = explain_refusal(wanted, index, checks(wanted, index, chooser.criteria), count, len(placements))
    if not placements:
        return explanation
    root = placements[0].root
    given = {name: float(weight[root]) for name, weight in weights(wanted, index, chooser.criteria)}
    winner = Winner(host=index.names[root], cell=index.cell_name(root), weights=given)
    return msgspec.structs.replace(explanation, winner=winner)


def _pick(picture: Picture, count: int, index: Index, chooser: Chooser) -> Iterator[Placement]:
    """Up to ``count`` placements, best first."""
    if count > 1 and must_share(picture.wanted.group):
        yield from _pick_together(picture, count, index, chooser.random)
        return
    taken: dict[tuple[int, str], int] = {}
    picked: dict[int, int] = {}
    placed = Placed(picture.wanted.group)
    while count:
        root = picture.best(chooser.random)
        if root is None:
            return
        parts = spread(picture.wanted, index, root, taken)
        if parts is None:
            picture.leave_out(root, until_it_changes=root not in picked)
            continue
        yield Placement(root, parts)
        count -= 1
        already = picked.get(root, 0)
        picked[root] = already + 1
        picture.lower(root, change_by_one(picture.wanted, index, chooser.criteria, root, already) if count else 0.0)
        if placed.closes(root) or already + 1 >= room(index, root):
            picture.leave_out(root, until_it_changes=False)
        _note(parts, taken)


def _pick_together(picture: Picture, count: int, index: Index, random: Random) -> Iterator[Placement]:
    """All on the best host that can hold all; else those that fit on the roomiest."""
    picture.keep_only(roomiest(picture.wanted.amounts, count, picture.scores))
    fitting: list[Placement] = []
    while len(fitting) < count and (root := picture.best(random)) is not None:
        fitting = max(fitting, _on(root, picture, count, index), key=len)
        picture.leave_out(root, until_it_changes=False)
    yield from fitting


def _on(root: int, picture: Picture, count: int, index: Index) -> list[Placement]:
    """As many as fit on this host."""
    taken: dict[tuple[int, str], int] = {}
    found: list[Placement] = []
    count = min(count, room(index, root))
    while len(found) < count and (parts := spread(picture.wanted, index, root, taken)) is not None:
        found.append(Placement(root, parts))
        _note(parts, taken)
    return found


def _note(parts: list[Part], taken: dict[tuple[int, str], int]) -> None:
    for part in parts:
        key = (part.row, part.resource_class)
        taken[key] = taken.get(key, 0) + part.amount
