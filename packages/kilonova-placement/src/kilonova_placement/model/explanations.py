"""Why a request found a place, or found none: for people, and for programs.

An operator may read everything. An owner reads ``redacted``: the same counts and misses, no names of hosts.
"""

from __future__ import annotations

import msgspec


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """One constraint, in the order they were applied: how many hosts it removed, how many were left.

    ``nearest`` is the nearest miss in words, ``nearest_host`` who that was. Both are empty when nothing was removed.
    ``only`` of the removed fail nothing else: without this constraint they would do.
    """

    constraint: str
    removed: int
    left: int
    nearest: str = ""
    nearest_host: str = ""
    only: int = 0


class Winner(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen host, and what each weigher gave it."""

    host: str
    cell: str
    weights: dict[str, float]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """``fits`` of the ``count`` asked for found a place; ``winner`` is the first one's."""

    hosts: int
    count: int = 1
    fits: int = 0
    constraints: tuple[Removed, ...] = ()
    winner: Winner | None = None


class Refused(Exception):
    """No place was found."""

    def __init__(self, explanation: Explanation) -> None:
        super().__init__(in_words(redacted(explanation)))
        self.explanation = explanation


def redacted(explanation: Explanation) -> Explanation:
    """What the owner may read: no names of hosts or cells."""
    winner = explanation.winner
    return msgspec.structs.replace(
        explanation,
        constraints=tuple(msgspec.structs.replace(item, nearest_host="") for item in explanation.constraints),
        winner=winner and msgspec.structs.replace(winner, host="", cell=""),
    )


def in_words(explanation: Explanation) -> str:
    """The explanation as one paragraph."""
    if explanation.hosts == 0:
        return "There are no hosts."
    parts = [_verdict(explanation)]
    removed = [item for item in explanation.constraints if item.removed]
    # Of the last ones it goes without saying that they failed nothing else.
    parts += [_sentence(item, _otherwise(item) if item is not removed[-1] else "") for item in removed]
    return " ".join(parts)


def _verdict(explanation: Explanation) -> str:
    hosts, count, fits = explanation.hosts, explanation.count, explanation.fits
    among = "the only host" if hosts == 1 else f"any of the {hosts} hosts"
    if fits >= count:
        return f"It fits on {among}." if hosts == 1 else f"It fits; {hosts} hosts were looked at."
    if fits:
        return f"Only {fits} of {count} fit."
    return f"It does not fit on {among}."


def _sentence(item: Removed, otherwise: str) -> str:
    named = f" (nearest: {item.nearest_host})" if item.nearest_host else ""
    return f"{item.nearest[:1].upper()}{item.nearest[1:]}{named}{otherwise}."


def _otherwise(item: Removed) -> str:
    """Who would do, were it not for this."""
    if not item.only:
        return ""
    if item.only == item.removed:
        return f"; otherwise {'it' if item.only == 1 else 'they'} would do"
    return f"; otherwise {item.only} of them would do"
