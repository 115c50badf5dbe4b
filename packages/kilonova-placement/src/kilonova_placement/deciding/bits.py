"""Sets of labels (traits, zones, aggregates) as columns of bits: one row per provider, 64 labels per word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]
_Kind = TypeVar("_Kind", bound=np.generic)


class LabelSets:
    """A set of labels per row. A label gets its bit when it is first seen, and may lose it when no row has it."""

    def __init__(self, rows: int) -> None:
        self._bit: dict[str, int] = {}
        self._spare: list[int] = []
        self._words: list[Words] = [np.zeros(rows, np.uint64)]
        self._scratch: Words = np.zeros(rows, np.uint64)

    def grow(self, rows: int) -> None:
        self._words = [grown(word, rows) for word in self._words]
        self._scratch = np.zeros(rows, np.uint64)

    def excerpt(self, rows: Rows) -> LabelSets:
        """The sets of these rows alone, by the same bits."""
        small = LabelSets(len(rows))
        small._bit, small._words = self._bit, [word[rows] for word in self._words]
        return small

    def put(self, row: int, labels: Iterable[str]) -> None:
        for word in self._words:
            word[row] = 0
        found: dict[int, int] = {}
        for label in labels:
            bit = self._bit.get(label)
            if bit is None:
                self._write(row, found)  # or the bits of the labels before would look unused
                bit = self._bit[label] = self._new_bit()
            found[bit // 64] = found.get(bit // 64, 0) | 1 << bit % 64
        self._write(row, found)

    def _write(self, row: int, found: dict[int, int]) -> None:
        for number, bits in found.items():
            while number >= len(self._words):
                self._words.append(np.zeros_like(self._words[0]))
            self._words[number][row] = bits

    def _new_bit(self) -> int:
        """The next bit; before one more word is begun, those of labels that no row has any more."""
        if not self._spare and self._bit and len(self._bit) % 64 == 0:
            used = self.in_use(len(self._scratch))
            self._spare = [self._bit.pop(label) for label in [label for label in self._bit if label not in used]]
        return self._spare.pop() if self._spare else len(self._bit)

    def of(self, row: int) -> frozenset[str]:
        return frozenset(
            label for label, bit in self._bit.items() if int(self._words[bit // 64][row]) >> (bit % 64) & 1
        )

    def in_use(self, rows: int) -> frozenset[str]:
        """Labels that one of the first ``rows`` rows has."""
        together = [int(np.bitwise_or.reduce(word[:rows])) if rows else 0 for word in self._words]
        return frozenset(label for label, bit in self._bit.items() if together[bit // 64] >> (bit % 64) & 1)

    def keep_with_all(self, labels: Iterable[str], mask: Mask) -> None:
        """Take out of the mask every row that lacks one of the labels."""
        masks = self._by_word(labels)
        if masks is None:
            mask[:] = False
            return
        for number, bits in masks.items():
            found = np.bitwise_and(self._words[number][: len(mask)], bits, out=self._scratch[: len(mask)])
            np.logical_and(mask, found == bits, out=mask)

    def keep_with_any(self, labels: Iterable[str], mask: Mask) -> None:
        """Take out of the mask every row that has none of the labels."""
        found = np.zeros(len(mask), np.bool_)
        for number, bits in (self._by_word(label for label in labels if label in self._bit) or {}).items():
            found |= (self._words[number][: len(mask)] & bits) != 0
        mask &= found

    def keep_without(self, labels: Iterable[str], mask: Mask) -> None:
        """Take out of the mask every row that has one of the labels."""
        for number, bits in (self._by_word(label for label in labels if label in self._bit) or {}).items():
            found = np.bitwise_and(self._words[number][: len(mask)], bits, out=self._scratch[: len(mask)])
            np.logical_and(mask, found == 0, out=mask)

    def has(self, label: str, rows: int) -> Mask:
        """Which of the first ``rows`` rows have the label."""
        mask = np.ones(rows, np.bool_)
        self.keep_with_all((label,), mask)
        return mask

    def row_has(self, label: str, row: int) -> bool:
        bit = self._bit.get(label)
        return bit is not None and bool(int(self._words[bit // 64][row]) >> (bit % 64) & 1)

    def _by_word(self, labels: Iterable[str]) -> dict[int, np.uint64] | None:
        """The bits to look for in each word; None when a label is on no row at all."""
        found: dict[int, int] = {}
        for label in labels:
            bit = self._bit.get(label)
            if bit is None:
                return None
            found[bit // 64] = found.get(bit // 64, 0) | 1 << bit % 64
        return {number: np.uint64(bits) for number, bits in found.items()}


def grown(column: NDArray[_Kind], rows: int) -> NDArray[_Kind]:
    """The column with room for more rows, the new ones zero."""
    wider = np.zeros(rows, column.dtype)
    wider[: len(column)] = column
    return wider
