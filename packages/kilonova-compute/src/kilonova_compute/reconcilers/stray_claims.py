"""Every claim's owner exists: claims and ports that belong to a server that is gone are let go.

A create that died between its claim and its server leaves a held claim, which expires by itself. This is for the rest:
it acts only on what it has seen astray in two runs, so that nothing that is just being made is touched.
"""

from __future__ import annotations

import logging
from functools import partial

from kilonova_compute.app.compute import Compute
from kilonova_compute.store import servers as store

log = logging.getLogger(__name__)


class StrayClaims:
    """Remembers what looked astray in the last run."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._suspects: set[str] = set()

    async def __call__(self) -> None:
        compute = self._compute
        claims = await compute.placement.live_claims()
        ports = await compute.network.ports_we_made()
        owners = set(claims.values()) | {port.device_id for port in ports}
        astray = owners - await self._existing(sorted(owners))
        confirmed = astray & self._suspects
        self._suspects = astray
        for claim_id, server_id in claims.items():
            if server_id in confirmed:
                log.warning("claim %s belongs to server %s, which is gone: released", claim_id, server_id)
                await compute.placement.release(claim_id)
        for port in ports:
            if port.device_id in confirmed:
                log.warning("port %s belongs to server %s, which is gone: deleted", port.id, port.device_id)
                await compute.network.delete_port(port.id)

    async def _existing(self, ids: list[str]) -> set[str]:
        found: set[str] = set()
        for cell in self._compute.cells.all():
            for start in range(0, len(ids), 500):
                found |= await cell.database.read(partial(store.existing, server_ids=ids[start : start + 500]))
        return found
