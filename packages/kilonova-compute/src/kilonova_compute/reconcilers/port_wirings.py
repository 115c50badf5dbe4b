"""Hosts wire ports as the network service says: rules, addresses, members of groups.

Woken when the network service says that something changed, and from time to time without that. A host is told only what
differs from what it was last told by this process. A cell that does not answer keeps no other cell's hosts waiting.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict

import msgspec
from kilonova_kit.errors import KilonovaError, Unavailable
from kilonova_messages.wishes import PortWiring

from kilonova_compute.app.compute import Compute
from kilonova_compute.external.network import Port
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.servers import Server, VmState
from kilonova_compute.store import servers as store

log = logging.getLogger(__name__)


class PortWirings:
    """Remembers a digest of what each server's host was last told, as of the last run."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._told: dict[str, bytes] = {}
        self._told_before: dict[str, bytes] = {}

    async def __call__(self) -> None:
        now, dark = self._compute.clock(), self._compute.unreachable_cells()
        self._told_before, self._told = self._told_before | self._told, {}
        for host in list(self._compute.hosts.values()):
            wired = host.is_up(now) and host.capabilities.get("needs_host_network", True)
            if wired and host.cell not in dark:
                await self._wire_host(host)
        self._told_before = {}  # what this run did not see is gone; a run that fails half way has it still

    async def _wire_host(self, host: Host) -> None:
        by_server: dict[str, list[Port]] = defaultdict(list)
        if ports := await self._compute.network.ports_on_host(host.name):
            try:
                servers = await self._servers(host)
            except Unavailable as error:
                log.info("ports on host %s are not wired yet: %s", host.name, error.message)
                return
            for port in ports:  # a port that only names somebody else's server is not wired to it
                server = servers.get(port.device_id)
                if server is not None and server.project_id == port.project_id:
                    by_server[port.device_id].append(port)
            for server_id, own in by_server.items():
                await self._wire_server(host, servers[server_id], own)

    async def _servers(self, host: Host) -> dict[str, Server]:
        """The host's servers whose guests are there: one that is being built is wired by its own step."""
        database = self._compute.cells.get(host.cell).database
        found = await database.read(lambda tx: store.on_host(tx, host.id))
        return {one.id: one for one in found if one.vm_state is not VmState.BUILDING}

    async def _wire_server(self, host: Host, server: Server, ports: list[Port]) -> None:
        wirings = await self._compute.network.wirings(ports, server.hostname, exact=True)
        digest, server_id = _digest(wirings), server.id
        try:
            if self._told_before.get(server_id) != digest:
                await self._compute.links.wire_ports(host.cell, host.id, server_id, wirings)
        except KilonovaError as error:
            log.info("ports of server %s are not wired yet: %s", server_id, error.message)
            return
        self._told[server_id] = digest


def _digest(wirings: tuple[PortWiring, ...]) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(sorted(wirings, key=lambda one: one.port_id))).digest()
