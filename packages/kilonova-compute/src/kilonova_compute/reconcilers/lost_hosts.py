"""Hosts that fell silent, or whose cell did, take no new claims, and take them again when they are back.

Also keeps the live view of hosts (``compute.hosts``) that the engine and the API look at, for what
other controllers heard.
"""

from __future__ import annotations

import logging

from kilonova_compute.agents.hearing import Hearing
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.hosts import Host
from kilonova_compute.store import hosts as store

log = logging.getLogger(__name__)

_DARK = "its cell does not answer"


class LostHosts:
    """Remembers only what placement was last told, and of which cells' hosts it was asked."""

    def __init__(self, compute: Compute, hearing: Hearing) -> None:
        self._compute, self._hearing = compute, hearing
        self._told: dict[str, str] = {}
        self._unseen: frozenset[str] = frozenset()

    async def __call__(self) -> None:
        dark = self._compute.unreachable_cells()
        for host in await self._refresh(dark):
            reason = _DARK if host.cell in dark else self._reason(host)
            if reason is not None and self._told.get(host.id) != reason and host.inventory:
                await self._tell(host, reason)
        await self._close_unseen(dark)

    async def _tell(self, host: Host, reason: str) -> None:
        """Tell placement; a host that it does not know (yet, or any longer) is told when it does."""
        if not await self._compute.placement.set_down(host.id, reason):
            return
        self._told[host.id] = reason
        if reason:
            log.warning("host %s: %s", host.name, reason)

    async def _close_unseen(self, dark: frozenset[str]) -> None:
        """The hosts of a cell that was away when we started are known to placement only."""
        unseen = dark - {host.cell for host in self._compute.hosts.values()}
        if unseen - self._unseen:
            for host_id in await self._compute.placement.hosts_in(unseen - self._unseen):
                await self._compute.placement.set_down(host_id, _DARK)
                self._told[host_id] = _DARK
        self._unseen = unseen

    async def _refresh(self, dark: frozenset[str]) -> list[Host]:
        found = [host for host in self._compute.hosts.values() if host.cell in dark]
        for cell in self._compute.cells.with_hosts():
            if cell.name not in dark:
                found += await cell.database.read(store.all_hosts)
        for host in found:
            known = self._compute.hosts.get(host.id)
            if known is None or known.heard_at <= host.heard_at:
                self._compute.hosts[host.id] = host
        for gone in set(self._compute.hosts) - {host.id for host in found}:
            del self._compute.hosts[gone]
        return list(self._compute.hosts.values())

    def _reason(self, host: Host) -> str | None:
        """Why it is down, empty when it is up; None when that cannot be said yet."""
        if host.forced_down:
            return "an operator said that it is down"
        is_up = self._hearing.is_up(host)
        return None if is_up is None else "" if is_up else "it has not been heard for a while"
