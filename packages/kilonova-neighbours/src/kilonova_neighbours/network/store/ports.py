"""Ports: the row, its addresses and its groups are written together."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from sqlalchemy import delete, exists, insert, select

from kilonova_neighbours.network.model.addresses import key_of
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.store import allocations, records
from kilonova_neighbours.network.store.kinds import PORT
from kilonova_neighbours.network.store.tables import port_security_groups as members
from kilonova_neighbours.network.store.tables import ports
from kilonova_neighbours.network.store.transactions import Tx

_ADD_MEMBERS = insert(members)


def add_port(tx: Tx, port: Record) -> None:
    records.add(tx, PORT, port)
    allocations.allocate(tx, port["id"], [_allocation(fixed) for fixed in port["fixed_ips"]])
    _add_members(tx, port["id"], port["security_groups"])


def change_port(tx: Tx, port: Record, changes: Record, now: str) -> None:
    if "fixed_ips" in changes:
        _change_addresses(tx, port, changes["fixed_ips"])
    if "security_groups" in changes:
        tx.execute(delete(members).where(members.c.port_id == port["id"]))
        _add_members(tx, port["id"], changes["security_groups"])
    records.change(tx, PORT, port["id"], changes, now)


def remove_port(tx: Tx, port_id: str) -> None:
    allocations.release(tx, port_id)
    tx.execute(delete(members).where(members.c.port_id == port_id))
    records.remove(tx, PORT, port_id)


def _change_addresses(tx: Tx, port: Record, wanted: Sequence[Record]) -> None:
    before = {(fixed["subnet_id"], fixed["ip_address"]) for fixed in port["fixed_ips"]}
    after = {(fixed["subnet_id"], fixed["ip_address"]) for fixed in wanted}
    if gone := before - after:
        allocations.release(tx, port["id"], gone)
    new = [fixed for fixed in wanted if (fixed["subnet_id"], fixed["ip_address"]) not in before]
    allocations.allocate(tx, port["id"], [_allocation(fixed) for fixed in new])


def _allocation(fixed: Record) -> tuple[str, str, str]:
    address = ip_address(fixed["ip_address"])
    return fixed["subnet_id"], key_of(int(address), address.version), fixed["ip_address"]


def _add_members(tx: Tx, port_id: str, groups: Sequence[str]) -> None:
    if groups:
        tx.execute(_ADD_MEMBERS, [{"port_id": port_id, "security_group_id": group} for group in groups])


def mac_is_taken(tx: Tx, network_id: str, mac: str) -> bool:
    statement = select(ports.c.id).where(ports.c.network_id == network_id, ports.c.mac_address == mac)
    return tx.execute(statement).first() is not None


def ports_of_network(tx: Tx, network_id: str, *, besides: Sequence[str], most: int) -> list[str]:
    """Ids of ports whose device owner is none of ``besides``."""
    statement = select(ports.c.id).where(ports.c.network_id == network_id, ports.c.device_owner.not_in(besides))
    return list(tx.execute(statement.limit(most)).scalars())


def group_is_used(tx: Tx, group_id: str) -> bool:
    return bool(tx.execute(select(exists().where(members.c.security_group_id == group_id))).scalar())


def project_uses_network(tx: Tx, network_id: str, owner: str, project_id: str | None) -> bool:
    """Whether somebody besides the owner (or just one project) has ports on the network."""
    whose = ports.c.project_id != owner if project_id is None else ports.c.project_id == project_id
    return bool(tx.execute(select(exists().where(ports.c.network_id == network_id, whose))).scalar())
