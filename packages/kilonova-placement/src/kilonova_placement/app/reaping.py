"""Held claims that nobody bound in time are released; what was released long ago is forgotten."""

from __future__ import annotations

import logging
from functools import partial

from kilonova_kit.clock import Clock
from kilonova_kit.database import Database
from kilonova_kit.metrics import counter

from kilonova_placement.app.ledger import Ledger
from kilonova_placement.store.changes import clear_changes
from kilonova_placement.store.claims import expired_claims, forget_released
from kilonova_placement.store.groups import forget_groups

log = logging.getLogger(__name__)

_expired = counter("kilonova_placement_claims_expired_total", "Held claims that nobody bound in time")

#: Claims released in one go.
_MOST_AT_ONCE = 500
#: How long the change feed keeps its rows: a process that was away for longer is caught by the proof.
_KEEP_CHANGES_SECONDS = 600.0


async def reap(database: Database, ledger: Ledger, clock: Clock) -> int:
    """Release what has expired; say how many."""
    total = 0
    while True:
        now = clock()
        due = await database.read(partial(expired_claims, now=now, limit=_MOST_AT_ONCE))
        if not due:
            return total
        gone = await ledger.release(due, by=now)
        total += len(gone)
        _expired.inc(len(gone))
        log.info("%d held claims expired", len(gone))


async def tidy(database: Database, clock: Clock, remember_released: float) -> None:
    """Forget released claims, groups without claims and rows of the change feed that are old enough."""
    now = clock()
    await database.write(lambda tx: forget_released(tx, now - remember_released))
    await database.write(lambda tx: forget_groups(tx, now - remember_released))
    await database.write(lambda tx: clear_changes(tx, now - _KEEP_CHANGES_SECONDS))
