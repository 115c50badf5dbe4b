"""Server groups in the global database."""

from __future__ import annotations

import msgspec
from kilonova_kit.database import Connection
from sqlalchemy import delete, func, insert, select

from kilonova_compute.model.server_groups import ServerGroup
from kilonova_compute.store.tables import server_groups

_decoder = msgspec.json.Decoder(ServerGroup)


def add(tx: Connection, group: ServerGroup) -> None:
    record = msgspec.json.encode(group).decode()
    tx.execute(insert(server_groups).values(id=group.id, project_id=group.project_id, record=record))


def find(tx: Connection, group_id: str) -> ServerGroup | None:
    record = tx.execute(select(server_groups.c.record).where(server_groups.c.id == group_id)).scalar()
    return None if record is None else _decoder.decode(record)


def listed(tx: Connection, project_id: str | None) -> list[ServerGroup]:
    """Those of a project, or all, the oldest first."""
    query = select(server_groups.c.record).order_by(server_groups.c.number)
    if project_id is not None:
        query = query.where(server_groups.c.project_id == project_id)
    return [_decoder.decode(record) for (record,) in tx.execute(query)]


def count(tx: Connection, project_id: str) -> int:
    return tx.execute(select(func.count()).where(server_groups.c.project_id == project_id)).scalar_one()


def remove(tx: Connection, group_id: str) -> None:
    tx.execute(delete(server_groups).where(server_groups.c.id == group_id))
