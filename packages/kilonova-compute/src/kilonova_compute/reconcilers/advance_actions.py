"""Every open action is driven: the motor of durable actions, after a restart, a pause, a silence of a host."""

from __future__ import annotations

from kilonova_compute.app.compute import Compute
from kilonova_compute.store import actions as store

_MOST = 500


async def advance_actions(compute: Compute) -> None:
    now = compute.clock()
    for cell in compute.cells.all():
        due = await cell.database.read(lambda tx: store.due(tx, now, _MOST))
        for action_id in due:
            compute.engine.wake(cell, action_id)
