"""Servers that were deleted long ago are forgotten, with their actions, requests and lines in the index."""

from __future__ import annotations

import logging
from functools import partial

from kilonova_kit.database import Connection

from kilonova_compute.app.compute import Compute
from kilonova_compute.store import actions, index, requests, server_groups, servers

log = logging.getLogger(__name__)

#: How long a deleted server can still be asked about, with ``changes-since`` or by an administrator.
KEEP_SECONDS = 30 * 24 * 3600.0
_MOST = 500


async def forget_old_servers(compute: Compute) -> None:
    before = compute.clock() - KEEP_SECONDS
    for cell in compute.cells.all():
        gone = await cell.database.write(partial(_purge, before=before))
        if not gone:
            continue
        await compute.cells.database.write(partial(index.remove, server_ids=gone))
        await compute.cells.database.write(partial(requests.remove, server_ids=gone))
        await compute.cells.database.write(partial(server_groups.forget_members, server_ids=gone))
        log.info("%d servers that were deleted long ago are forgotten", len(gone))


def _purge(tx: Connection, before: float) -> list[str]:
    gone = servers.purge(tx, before, _MOST)
    actions.purge_of(tx, gone)
    return gone
