"""What was found out for one kind of request, kept between decisions and repaired.

A *kind* is a request with all it asks; a thousand servers of one flavor are one kind. Its picture is a score per row,
minus infinity for who may not be chosen. Before it is used again only the rows that changed since are looked at, with
the same constraints and weighers, on an excerpt of the index. So a decision costs what has changed, and not what there
is. The best row is found in two small steps: the best of each block of rows is known, and the best block.

Invariant: once repaired, a picture equals a fresh one, but for hosts that pass every constraint and yet cannot give
the request in pieces that their tree has (``spreading.py``): they stay out until they change.
"""

from __future__ import annotations

from collections import OrderedDict
from random import Random

import msgspec
import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.criteria import Criteria
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.scoring import score
from kilonova_placement.deciding.wanted import over, translate
from kilonova_placement.deciding.weighers import Score
from kilonova_placement.model.requests import Request

#: Scores closer than this are a tie.
_TIE = 1e-9
_BLOCK = 256
#: Looking at an excerpt of so many rows costs as much as looking at all of them, if these are sixteen times as many.
_WORTH_IT = 16
_KINDS = 32

_key = msgspec.msgpack.Encoder().encode
Blocks = NDArray[np.float64]


class Picture:
    """One kind of request over all rows."""

    def __init__(self, request: Request, index: Index, criteria: Criteria, asking: str = "") -> None:
        self.wanted = translate(request, index, asking)
        self._number, self._scale, self._rows = index.changed.number, index.scale(), index.rows
        self._changed: set[int] = set()
        scores = score(self.wanted, index, criteria)
        self._blocks: Blocks = np.full((-(-len(scores) // _BLOCK) or 1, _BLOCK), -np.inf)
        self._flat: Score = self._blocks.reshape(-1)
        self._flat[: len(scores)] = scores
        self._best: Score = self._blocks.max(axis=1)

    @property
    def scores(self) -> Score:
        return self._flat[: self._rows]

    def best(self, random: Random) -> int | None:
        """The row with the highest score; chance decides between equals. None when nobody may be chosen."""
        top = self._best.max()
        if top == -np.inf:
            return None
        block = _any((self._best >= top - _TIE).nonzero()[0], random)
        return block * _BLOCK + _any((self._blocks[block] >= top - _TIE).nonzero()[0], random)

    def lower(self, row: int, by: float) -> None:
        """Count on something being taken of this row: it is looked at again before the next decision."""
        self._flat[row] += by
        self._best[row // _BLOCK] = self._blocks[row // _BLOCK].max()
        self._changed.add(row)

    def leave_out(self, row: int, *, until_it_changes: bool) -> None:
        """Choose this row no more, until the host changes or for this decision only."""
        self._flat[row] = -np.inf
        self._best[row // _BLOCK] = self._blocks[row // _BLOCK].max()
        if not until_it_changes:
            self._changed.add(row)

    def keep_only(self, rows: Mask) -> None:
        """Choose no others."""
        self._flat[: self._rows][~rows] = -np.inf
        self._best = self._blocks.max(axis=1)

    def stale_rows(self, index: Index) -> list[int] | None:
        """The rows that must be looked at again; None when it must be all of them."""
        since = index.changed.since(self._number)
        if since is None or self._scale != index.scale() or self._rows != index.rows:
            return None
        return sorted(since | self._changed)

    def repair(self, rows: list[int], index: Index, criteria: Criteria) -> None:
        """Look at these rows again."""
        small = index.excerpt(rows)
        self._flat[rows] = score(over(self.wanted, small), small, criteria)[: len(rows)]
        self._number = index.changed.number
        self._changed.clear()
        blocks = sorted({row // _BLOCK for row in rows})
        self._best[blocks] = self._blocks[blocks].max(axis=1)


def _any(rows: NDArray[np.intp], random: Random) -> int:
    return int(rows[0] if len(rows) == 1 else rows[random.randrange(len(rows))])


class Pictures:
    """The kinds asked for last, for one index and the same criteria. ``worth_it``: see ``_WORTH_IT``."""

    def __init__(self, most: int = _KINDS, worth_it: int = _WORTH_IT) -> None:
        self._most, self._worth_it = most, worth_it
        self._kept: OrderedDict[bytes, Picture] = OrderedDict()
        self._index: Index | None = None

    def of(self, request: Request, index: Index, criteria: Criteria, asking: str = "") -> Picture:
        """The picture of this kind as the index is now. ``asking`` is who does not count against itself in a group."""
        if index is not self._index:
            self._kept.clear()
            self._index = index
        if not _may_keep(request):
            return Picture(request, index, criteria, asking)
        kind = _key(request)
        picture = self._kept.get(kind)
        stale = picture.stale_rows(index) if picture else None
        if picture is None or stale is None or len(stale) * self._worth_it > index.rows:
            picture = self._kept[kind] = Picture(request, index, criteria)
        elif stale:
            picture.repair(stale, index, criteria)
        self._kept.move_to_end(kind)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return picture


def _may_keep(request: Request) -> bool:
    """Whether nothing but a host's own row and tree decides about it: a group's members are elsewhere."""
    return request.group is None
