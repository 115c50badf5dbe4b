"""A precache: that the hosts of an aggregate have an image at hand before a server needs it. Pure.

    waiting ──asked──► fetching ──► cached
       ▲                  │
       └── failed, or ────┴──► failed      after ``MOST_TRIES`` failures, when its time is over, or when the host has
           the host is down                left the aggregate

It is for the hosts that the aggregate had when it was asked for, as upstream documents it. A host that is down or does
not answer costs no try: it is served when it is back, as long as the precache is open.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from kilonova_compute.model.servers import ImageSnapshot

#: For how long hosts are asked, and for how long after that the outcome is remembered.
OPEN_SECONDS = 24 * 3600.0
KEEP_SECONDS = 7 * 24 * 3600.0
MOST_TRIES = 5
#: Hosts that fetch at the same time, of all precaches: every byte comes through a controller.
FETCHING_AT_ONCE = 32

_ASK_AGAIN_SECONDS = 10.0
_DOWN_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 15.0


class Stage(StrEnum):
    """Where a host stands."""

    WAITING = "waiting"
    FETCHING = "fetching"
    CACHED = "cached"
    FAILED = "failed"


OPEN = (Stage.WAITING, Stage.FETCHING)


class Precache(msgspec.Struct, frozen=True, kw_only=True):
    """``aggregate`` is its number. Times are seconds since the epoch; ``until`` is when hosts are asked no more."""

    aggregate: int
    image: ImageSnapshot
    asked_at: float
    until: float


class HostProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one host is, by its name. ``tries`` have failed; ``due_at`` is when to look again."""

    host: str
    due_at: float
    stage: Stage = Stage.WAITING
    tries: int = 0
    reason: str = ""


def before_asking(
    found: HostProgress, precache: Precache, now: float, *, belongs: bool, is_up: bool
) -> HostProgress | None:
    """What becomes of a host that is due without asking it; None: ask it."""
    if not belongs:
        return _failed(found, "it has left the aggregate")
    if now >= precache.until:
        return _failed(found, f"it was not done in time: {found.reason or 'other hosts went first'}")
    return None if is_up else _waiting(found, now + _DOWN_SECONDS, "the host is down")


def cached(found: HostProgress) -> HostProgress:
    return msgspec.structs.replace(found, stage=Stage.CACHED, reason="")


def fetching(found: HostProgress, now: float, waits: str) -> HostProgress:
    return msgspec.structs.replace(found, stage=Stage.FETCHING, due_at=now + _ASK_AGAIN_SECONDS, reason=waits)


def silent(found: HostProgress, now: float) -> HostProgress:
    return _waiting(found, now + _ASK_AGAIN_SECONDS, "the host does not answer")


def failed_once(found: HostProgress, now: float, reason: str) -> HostProgress:
    """One more try has failed; the last one ends it."""
    tries = found.tries + 1
    tried = msgspec.structs.replace(found, tries=tries)
    if tries >= MOST_TRIES:
        return _failed(tried, reason)
    return _waiting(tried, now + _FIRST_PAUSE_SECONDS * 2 ** (tries - 1), reason)


def _waiting(found: HostProgress, due_at: float, reason: str) -> HostProgress:
    return msgspec.structs.replace(found, stage=Stage.WAITING, due_at=due_at, reason=reason)


def _failed(found: HostProgress, reason: str) -> HostProgress:
    return msgspec.structs.replace(found, stage=Stage.FAILED, reason=reason)
