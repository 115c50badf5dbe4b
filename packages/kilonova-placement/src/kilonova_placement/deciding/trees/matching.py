"""Who may have what, one each: a bipartite matching by augmenting paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Matching:
    """Givers and takers, each at most once. ``fits``: the takers that each giver is good for.

    A giver that has been added stays matched, whoever is added later; only who gets it may change. So adding givers
    in the order in which they are liked finds the most liked ones that will do (a transversal matroid).
    """

    def __init__(self, fits: Mapping[int, Sequence[int]]) -> None:
        self._fits = fits
        self._giver_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._giver_of)

    def add(self, giver: int) -> bool:
        """Match one more giver, if that is possible."""
        return self._augment(giver, set())

    def _augment(self, giver: int, seen: set[int]) -> bool:
        for taker in self._fits.get(giver, ()):
            if taker in seen:
                continue
            seen.add(taker)
            before = self._giver_of.get(taker)
            if before is None or self._augment(before, seen):
                self._giver_of[taker] = giver
                return True
        return False

    def pairs(self) -> list[tuple[int, int]]:
        """(taker, giver), by taker."""
        return sorted(self._giver_of.items())
