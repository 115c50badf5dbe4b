"""Routers: which ports are theirs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, insert, select

from kilonova_neighbours.network.model.records import ROUTER_GATEWAY, ROUTER_INTERFACE, Record
from kilonova_neighbours.network.store import records
from kilonova_neighbours.network.store.kinds import PORT
from kilonova_neighbours.network.store.tables import ports, routers
from kilonova_neighbours.network.store.tables import router_ports as attached
from kilonova_neighbours.network.store.transactions import Tx, in_chunks


def attach(tx: Tx, router_id: str, port_id: str, device_owner: str) -> None:
    """The row goes with the port."""
    tx.execute(insert(attached).values(router_id=router_id, port_id=port_id, device_owner=device_owner))


def interfaces_of(tx: Tx, router_id: str) -> list[Record]:
    """The router's ports on its networks, oldest first."""
    found = _ports(tx, [router_id], ROUTER_INTERFACE)
    return records.find_by(tx, PORT, "id", list(found))


def gateways_of(tx: Tx, router_ids: Sequence[str]) -> dict[str, Record]:
    """The gateway ports by their routers' ids."""
    found = _ports(tx, router_ids, ROUTER_GATEWAY)
    return {found[port["id"]]: port for port in records.find_by(tx, PORT, "id", list(found))}


def _ports(tx: Tx, router_ids: Sequence[str], device_owner: str) -> dict[str, str]:
    statement = select(attached.c.port_id, attached.c.router_id).where(attached.c.device_owner == device_owner)
    return {
        row[0]: row[1]
        for chunk in in_chunks(router_ids)
        for row in tx.execute(statement.where(attached.c.router_id.in_(chunk)))
    }


def router_of(tx: Tx, port_id: str) -> str | None:
    return tx.execute(select(attached.c.router_id).where(attached.c.port_id == port_id)).scalar()


def has_gateways(tx: Tx, network_id: str, project_id: str | None = None) -> bool:
    """Whether routers (of this project, if one is named) have their way to the world through this network."""
    conditions = [
        attached.c.port_id == ports.c.id,
        attached.c.router_id == routers.c.id,
        attached.c.device_owner == ROUTER_GATEWAY,
        ports.c.network_id == network_id,
    ]
    if project_id is not None:
        conditions.append(routers.c.project_id == project_id)
    return bool(tx.execute(select(exists().where(*conditions))).scalar())
