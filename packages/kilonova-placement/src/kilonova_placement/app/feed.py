"""Where this process stands in the change feed.

Numbers are given when a row is written, not when it is committed: a lower number may appear after a higher one. So rows
are asked for again until they have been in sight for ``grace_seconds``; one that comes later still is found by
``app/proving.py``, and until then by the check of generations that every claim goes through.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kilonova_placement.store.changes import Change


class News(NamedTuple):
    """The ids of what others have changed."""

    providers: set[str]
    groups: set[str]


class FeedPosition:
    """``floor``: nothing at or below it is asked for again."""

    def __init__(self, floor: int, grace_seconds: float = 3.0) -> None:
        self.floor, self._grace = floor, grace_seconds
        self._seen: dict[int, float] = {}

    def news(self, rows: Iterable[Change], now: float, up_to: int = 0) -> News:
        """What rows that were not seen before are about.

        ``up_to``: these are all that others have written up to this number, so that our own rows above the last of
        theirs need not be gone through again and again.
        """
        found = News(set(), set())
        for change in rows:
            if change.seq not in self._seen:
                self._seen[change.seq] = now
                found.groups.add(change.group_id)
                found.providers.add(change.provider_id)
        if up_to > self.floor:
            self._seen.setdefault(up_to, now)
        self._forget(now)
        return News(found.providers - {""}, found.groups - {""})

    def _forget(self, now: float) -> None:
        old = [seq for seq, seen in self._seen.items() if seen < now - self._grace]
        self.floor = max(old, default=self.floor)
        for seq in [seq for seq in self._seen if seq <= self.floor]:
            del self._seen[seq]
