"""Carries out requests: records first, then the kernel. One thread, one request at a time.

Every method may be cut off anywhere and called again. A tap is made down, guarded by its rules, and only then joined
to its bridge, so no packet of a guest ever passes unguarded.
"""

from __future__ import annotations

import logging
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from kilonova_messages.wishes import PortWiring

from kilonova_agent.network import connections, firewall, links, metadata_door, names
from kilonova_agent.network.dnsmasq import Dnsmasqs
from kilonova_agent.network.names import Names
from kilonova_agent.network.namespaces import Namespaces
from kilonova_agent.network.records import PortRecord, Records, plan_network
from kilonova_agent.network.requests import WiredPort
from kilonova_agent.network.routers import Routers, apply_rules

_log = logging.getLogger(__name__)


class Doors:
    """How the wiring opens and closes metadata doors, which live in the helper's event loop."""

    def __init__(self, open_door: Callable[[str, socket.socket], None], close_door: Callable[[str], None]) -> None:
        self.open, self.close = open_door, close_door


class Wiring:
    """The host's network of one agent."""

    def __init__(
        self,
        *,
        own: Names,
        records: Records,
        namespaces: Namespaces,
        routers: Routers,
        dnsmasqs: Dnsmasqs,
        doors: Doors,
        run_directory: Path,
        tap_owner: tuple[int, int] | None,
    ) -> None:
        self._own, self._records, self._namespaces = own, records, namespaces
        self._routers, self._dnsmasqs, self._doors = routers, dnsmasqs, doors
        self._run_directory, self._tap_owner = run_directory, tap_owner
        #: The taps and rules that the hub's firewall has; ``_settled``: whether that is sure.
        self._guarded: list[tuple[firewall.GuardedPort, int]] = []
        self._settled = False
        #: Ports that were allowed more, or are gone, whose connections have still to be ended.
        self._revoked: set[str] = set()
        self._door_inodes: dict[str, int] = {}

    def repair(self) -> None:
        """Make the kernel follow the records: finish what was cut off, remove what nobody asked for."""
        self._remove_unknown_taps()
        for network_id in [*self._records.networks]:
            if not self._records.ports_of(network_id):
                self._remove_network(network_id)
        for record in [*self._records.ports.values()]:
            try:
                self.ensure_port(record.guest_id, record.wiring)
            except Exception:  # noqa: BLE001  one broken port must not keep the others unwired; its guest's step reports it
                _log.exception("cannot restore port %s of guest %s", record.wiring.port_id, record.guest_id)

    def ensure_port(self, guest_id: str, wiring: PortWiring) -> WiredPort:
        before = self._records.ports.get(wiring.port_id)
        if before and before.wiring.network_id != wiring.network_id:
            self.remove_port(wiring.port_id)
        self._records.ensure_network(wiring.network_id)
        self._records.keep_port(guest_id, wiring)
        self._ensure_network(wiring.network_id)
        self._ensure_tap(wiring)
        return _wired(self._records.ports[wiring.port_id])

    def revive(self) -> None:
        """Start a DHCP server again that died by itself, and keep what the others say within bounds."""
        for network_id in self._records.networks:
            self._dnsmasqs.cut_log(network_id)
            if self._records.ports_of(network_id) and self._dnsmasqs.died(network_id):
                _log.warning("the DHCP server of network %s died; starting it again", network_id)
                self._ensure_network(network_id)

    def _ensure_network(self, network_id: str) -> None:
        plan = plan_network(self._records.ensure_network(network_id), self._records.ports_of(network_id))
        self._routers.ensure(plan)
        router = self._own.router(network_id)
        self._dnsmasqs.ensure(plan, router)
        inode = self._namespaces.inode(router)
        if self._door_inodes.get(network_id) != inode:
            self._doors.open(network_id, self._namespaces.inside(router, metadata_door.listen))
            self._door_inodes[network_id] = inode

    def _ensure_tap(self, wiring: PortWiring) -> None:
        hub = self._routers.netlink(self._own.hub)
        name = names.tap(wiring.port_id)
        if hub.link(name) is None:
            links.make_tap(self._namespaces, self._own.hub, name, self._tap_owner)
        tap = hub.present(name)
        hub.set_link(tap, mtu=wiring.mtu, alias=f"port {wiring.port_id}")
        self._guard()
        bridge = hub.present(names.bridge(wiring.network_id))
        hub.set_link(tap, master=bridge.index, up=wiring.admin_state_up)

    def _guard(self) -> None:
        """Make the hub's firewall match the taps that exist, in one transaction; nothing to do is the usual case."""
        indexes = self._namespaces.inside(self._own.hub, socket.if_nameindex)
        present = {name: index for index, name in indexes}
        ports = [
            firewall.GuardedPort(port.wiring, self._records.ensure_network(port.wiring.network_id).slot)
            for _, port in sorted(self._records.ports.items())
            if names.tap(port.wiring.port_id) in present
        ]
        # A tap made anew under its old name has lost its chains, so the link's index is part of the state.
        state = [(port, present[port.tap]) for port in ports]
        if state != self._guarded or not self._settled:
            self._settled = False
            self._revoked |= set(connections.revoked([port for port, _ in self._guarded], ports))
            commands = firewall.hub_rules(ports)
            self._namespaces.inside(self._own.hub, lambda: apply_rules(commands))
            self._guarded, self._settled = state, True
        if fewer := sorted(self._revoked):
            self._namespaces.inside(self._own.hub, lambda: connections.end_connections(fewer))
            self._revoked.clear()

    def remove_port(self, port_id: str) -> None:
        record = self._records.forget_port(port_id)
        if self._own.hub in self._namespaces.present():
            # The tap goes before its rules: without them its guest could send whatever it likes, if only for a moment.
            self._routers.netlink(self._own.hub).remove_link(names.tap(port_id))
            self._guard()
        if record is None:
            return
        network_id = record.wiring.network_id
        if self._records.ports_of(network_id):
            self._ensure_network(network_id)
        else:
            self._remove_network(network_id)

    def _remove_network(self, network_id: str) -> None:
        """The record goes last: a helper killed before that begins this again."""
        self._doors.close(network_id)
        self._door_inodes.pop(network_id, None)
        self._dnsmasqs.remove(network_id, self._own.router(network_id))
        self._routers.remove(network_id)
        self._records.forget_network(network_id)
        if not self._records.networks:
            self._leave()

    def _leave(self) -> None:
        """The last network went: nothing of this agent stays behind."""
        self._routers.remove_everything()
        self._guarded, self._settled = [], False
        self._revoked.clear()
        shutil.rmtree(self._run_directory, ignore_errors=True)

    def _remove_unknown_taps(self) -> None:
        if self._own.hub not in self._namespaces.present():
            return
        wanted = {names.tap(port_id) for port_id in self._records.ports}
        hub = self._routers.netlink(self._own.hub)
        for name in hub.links():
            if name.startswith("tap") and name not in wanted:
                _log.info("removing tap %s, which no port asks for", name)
                hub.remove_link(name)

    def ports(self) -> tuple[WiredPort, ...]:
        return tuple(_wired(record) for _, record in sorted(self._records.ports.items()))

    def tear_down(self) -> None:
        """Remove everything of this agent."""
        for port_id in [*self._records.ports]:
            self._records.forget_port(port_id)
        for network_id in [*self._records.networks]:
            self._remove_network(network_id)
        self._leave()
        self._records.forget_everything()


def _wired(record: PortRecord) -> WiredPort:
    wiring = record.wiring
    return WiredPort(
        port_id=wiring.port_id,
        network_id=wiring.network_id,
        guest_id=record.guest_id,
        tap=names.tap(wiring.port_id),
    )
