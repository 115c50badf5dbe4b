"""How many claims were made on each host within the last minute, in slices of time: nothing is kept per claim."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from kilonova_placement.deciding.bits import grown

Counts = NDArray[np.int32]

SECONDS = 60.0
_SLICES = 6


class Arrivals:
    """The last slices of a minute, the newest one last. A slice is None as long as nobody came in it."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._slices: deque[Counts | None] = deque([None] * _SLICES, maxlen=_SLICES)
        self._turns_at = 0.0

    def grow(self, rows: int) -> None:
        self._rows = rows
        grown_ones = [None if one is None else grown(one, rows) for one in self._slices]
        self._slices = deque(grown_ones, maxlen=_SLICES)

    @property
    def has_any(self) -> bool:
        """Whether anybody came at all."""
        return any(one is not None for one in self._slices)

    def clear(self, row: int) -> None:
        for one in self._slices:
            if one is not None:
                one[row] = 0

    def add(self, row: int, number: int) -> None:
        newest = self._slices[-1]
        if newest is None:
            newest = self._slices[-1] = np.zeros(self._rows, np.int32)
        newest[row] += number

    def pass_time(self, now: float, arriving: Counts) -> list[int]:
        """Take out of ``arriving`` what came too long ago; say in which rows something did.

        Summed up anew: what was withdrawn may have come in an earlier slice.
        """
        if now < self._turns_at:
            return []
        self._turns_at = now + SECONDS / _SLICES
        oldest = self._slices.popleft()
        self._slices.append(None)
        if oldest is None:
            return []
        rows = np.flatnonzero(oldest)
        arriving[rows] = 0
        for one in self._slices:
            if one is not None:
                arriving[rows] += one[rows]
        np.maximum(arriving, 0, out=arriving)
        return [int(row) for row in rows]
