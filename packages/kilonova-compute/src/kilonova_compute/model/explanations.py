"""Why a request finds a place now, or finds none: for people, and for programs.

An administrator reads everything. An owner reads it without the names of hosts and cells.
"""

from __future__ import annotations

import msgspec


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """One constraint, in the order in which they are applied: how many hosts it removed, how many were left.

    ``nearest`` is the nearest miss in words, ``nearest_host`` who that was; both are empty when nothing was removed.
    ``only`` of the removed fail nothing else: without this constraint they would do.
    """

    constraint: str
    removed: int
    left: int
    nearest: str = ""
    nearest_host: str = ""
    only: int = 0


class Winner(msgspec.Struct, frozen=True, kw_only=True):
    """The host that would be chosen, and what each weigher gave it."""

    host: str
    cell: str
    weights: dict[str, float]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """``fits`` of the ``count`` asked for find a place among ``hosts``; ``winner`` is the first one's."""

    hosts: int
    count: int = 1
    fits: int = 0
    constraints: tuple[Removed, ...] = ()
    winner: Winner | None = None


def without_hosts(explanation: Explanation) -> Explanation:
    """What the owner may read."""
    replace, winner = msgspec.structs.replace, explanation.winner
    return replace(
        explanation,
        constraints=tuple(replace(removed, nearest_host="") for removed in explanation.constraints),
        winner=winner and replace(winner, host="", cell=""),
    )
