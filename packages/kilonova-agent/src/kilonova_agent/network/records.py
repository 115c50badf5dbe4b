"""What shall be wired on this host, kept in files: the truth that the kernel is made to follow.

``DIR/port-<tap>.json`` and ``DIR/network-<bridge>.json``, replaced atomically, readable only by their owner.
A network's ``slot`` is a small number that lives as long as the network is on this host: its conntrack zone and its
pair of uplink addresses come from it. A file that cannot be read is set aside as ``.broken``: the agent wires a lost
port again, and a lost network or range is chosen anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from kilonova_kit.private_files import write_private
from kilonova_messages.wishes import PortWiring, WiredSubnet

from kilonova_agent.network import names

_log = logging.getLogger(__name__)
_Kind = TypeVar("_Kind")

#: Zones are 16 bits wide, and a /22 of link addresses holds 512 pairs; slot 0 stays free for "no zone".
MAX_SLOT = 511


class PortRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A port as it was last asked for; a higher ``serial`` was asked for later."""

    guest_id: str
    wiring: PortWiring
    serial: int = 0


class NetworkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A network that has, or had a moment ago, a port here."""

    network_id: str
    slot: int


class LinkRange(msgspec.Struct, frozen=True, kw_only=True):
    """Where this agent's uplink addresses come from, and whether the machine forwarded packets before us."""

    cidr: str
    forwarding_was: str


class NetworkPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A network as the union of its ports says: subnets by id, the newest word on each, whether it leads out.

    ``routed``: whether the machine may have routes to it.
    """

    network_id: str
    slot: int
    mtu: int
    outside: bool
    routed: bool
    subnets: tuple[WiredSubnet, ...]
    ports: tuple[PortRecord, ...]


def plan_network(record: NetworkRecord, ports: list[PortRecord]) -> NetworkPlan:
    """What a network needs, from the wishes of its ports (at least one)."""
    subnets: dict[str, WiredSubnet] = {}
    ordered = sorted(ports, key=lambda port: port.serial)
    for port in ordered:
        subnets.update({subnet.subnet_id: subnet for subnet in port.wiring.subnets})
    return NetworkPlan(
        network_id=record.network_id,
        slot=record.slot,
        mtu=ordered[-1].wiring.mtu,
        outside=ordered[-1].wiring.outside,
        routed=ordered[-1].wiring.routed,
        subnets=tuple(subnets[key] for key in sorted(subnets)),
        ports=tuple(sorted(ports, key=lambda port: port.wiring.port_id)),
    )


class Records:
    """The files, and their content in memory. One process at a time owns them (the wirer's lock)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ports = {port.wiring.port_id: port for port in self._read("port-*.json", PortRecord)}
        self.networks = {record.network_id: record for record in self._read("network-*.json", NetworkRecord)}

    def _read(self, pattern: str, kind: type[_Kind]) -> Iterator[_Kind]:
        for path in sorted(self._directory.glob(pattern)):
            if (kept := _read_one(path, kind)) is not None:
                yield kept

    def _port_path(self, port_id: str) -> Path:
        return self._directory / f"port-{names.tap(port_id)}.json"

    def _network_path(self, network_id: str) -> Path:
        return self._directory / f"network-{names.bridge(network_id)}.json"

    def keep_port(self, guest_id: str, wiring: PortWiring) -> None:
        """Write down a wish; an unchanged one costs nothing."""
        known = self.ports.get(wiring.port_id)
        if known and known.guest_id == guest_id and known.wiring == wiring:
            return
        serial = 1 + max((port.serial for port in self.ports.values()), default=0)
        record = PortRecord(guest_id=guest_id, wiring=wiring, serial=serial)
        write_private(self._port_path(wiring.port_id), msgspec.json.encode(record))
        self.ports[wiring.port_id] = record

    def forget_port(self, port_id: str) -> PortRecord | None:
        self._port_path(port_id).unlink(missing_ok=True)
        return self.ports.pop(port_id, None)

    def ensure_network(self, network_id: str) -> NetworkRecord:
        """The network's record, with the lowest free slot if it is new. LookupError: no slot is free."""
        if known := self.networks.get(network_id):
            return known
        taken = {record.slot for record in self.networks.values()}
        slot = next((slot for slot in range(1, MAX_SLOT + 1) if slot not in taken), None)
        if slot is None:
            raise LookupError(f"this host already serves {MAX_SLOT} networks")
        record = NetworkRecord(network_id=network_id, slot=slot)
        write_private(self._network_path(network_id), msgspec.json.encode(record))
        self.networks[network_id] = record
        return record

    def forget_network(self, network_id: str) -> None:
        self._network_path(network_id).unlink(missing_ok=True)
        self.networks.pop(network_id, None)

    def ports_of(self, network_id: str) -> list[PortRecord]:
        return [port for port in self.ports.values() if port.wiring.network_id == network_id]

    @property
    def _range_path(self) -> Path:
        return self._directory / "link-range.json"

    def link_range(self) -> LinkRange | None:
        return _read_one(self._range_path, LinkRange) if self._range_path.exists() else None

    def keep_link_range(self, chosen: LinkRange) -> None:
        write_private(self._range_path, msgspec.json.encode(chosen))

    def forget_everything(self) -> None:
        for path in self._directory.glob("*.json"):
            path.unlink(missing_ok=True)
        self.ports.clear()
        self.networks.clear()

    def forget_link_range(self) -> None:
        self._range_path.unlink(missing_ok=True)


def _read_one(path: Path, kind: type[_Kind]) -> _Kind | None:
    """What a file holds; None for one that is torn, which must not keep every other port unwired."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        _log.error("the record %s cannot be read and is set aside: %s", path, error)
        path.replace(path.with_suffix(".broken"))
        return None
