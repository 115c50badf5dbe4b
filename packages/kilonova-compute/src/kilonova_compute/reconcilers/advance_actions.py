"""Every open action is driven: the motor of durable actions, after a restart, a pause, a silence of a host.

A cell that does not answer keeps no other cell's actions waiting.
"""

from __future__ import annotations

import asyncio

from kilonova_kit.errors import Unavailable

from kilonova_compute.app.compute import Compute
from kilonova_compute.cells.cells import Cell
from kilonova_compute.store import actions as store

_MOST = 500


async def advance_actions(compute: Compute) -> None:
    dark = compute.unreachable_cells()
    cells = [cell for cell in compute.cells.all() if cell.name not in dark]
    outcomes = await asyncio.gather(*(_advance(compute, cell) for cell in cells), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Unavailable):
            raise outcome


async def _advance(compute: Compute, cell: Cell) -> None:
    now = compute.clock()
    for action_id in await cell.database.read(lambda tx: store.due(tx, now, _MOST)):
        compute.engine.wake(cell, action_id)
