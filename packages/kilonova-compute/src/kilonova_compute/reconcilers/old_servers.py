"""Servers that were deleted long ago are forgotten, with their actions, requests and lines in the index.

So are requests, and memberships in groups, that never came to a server. What a cell has of a server goes last: a crash
in between leaves it there, and the next run begins with it again. A cell that does not answer keeps no other waiting.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from kilonova_kit.database import Connection
from kilonova_kit.errors import Unavailable

from kilonova_compute.app.compute import Compute
from kilonova_compute.cells.cells import Cell
from kilonova_compute.store import actions, index, requests, server_groups, servers

log = logging.getLogger(__name__)

#: How long a deleted server can still be asked about, with ``changes-since`` or by an administrator.
KEEP_SECONDS = 30 * 24 * 3600.0
_MOST = 500


async def forget_old_servers(compute: Compute) -> None:
    before, dark = compute.clock() - KEEP_SECONDS, compute.unreachable_cells()
    cells = [cell for cell in compute.cells.all() if cell.name not in dark]
    outcomes = await asyncio.gather(*(_forget_in(compute, cell, before) for cell in cells), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Unavailable):
            raise outcome
    await compute.cells.database.write(partial(_forget_strays, before=before))


async def _forget_in(compute: Compute, cell: Cell, before: float) -> None:
    while gone := await cell.database.read(partial(servers.deleted_before, moment=before, most=_MOST)):
        await compute.cells.database.write(partial(_forget, server_ids=gone))
        await cell.database.write(partial(_purge, server_ids=gone))
        log.info("%d servers that were deleted long ago are forgotten", len(gone))


def _forget(tx: Connection, server_ids: list[str]) -> None:
    index.remove(tx, server_ids)
    requests.remove(tx, server_ids)
    server_groups.forget_members(tx, server_ids)


def _purge(tx: Connection, server_ids: list[str]) -> None:
    actions.purge_of(tx, server_ids)
    servers.purge(tx, server_ids)


def _forget_strays(tx: Connection, before: float) -> None:
    requests.remove_strays(tx, before)
    server_groups.forget_strays(tx, before)
