"""Quotas: a project's own limits, and how much it uses (counted, never remembered)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, func, insert, select

from kilonova_neighbours.network.store.kinds import KINDS
from kilonova_neighbours.network.store.tables import quotas
from kilonova_neighbours.network.store.transactions import Tx

_TABLES = {kind.singular: kind.table for kind in KINDS}


def own_limits(tx: Tx, project_id: str) -> dict[str, int]:
    rows = tx.execute(select(quotas.c.resource, quotas.c.limit).where(quotas.c.project_id == project_id))
    return {row[0]: row[1] for row in rows}


def projects_with_limits(tx: Tx) -> list[str]:
    return list(tx.execute(select(quotas.c.project_id).distinct().order_by(quotas.c.project_id)).scalars())


def set_limits(tx: Tx, project_id: str, limits: Mapping[str, int]) -> None:
    for resource, limit in limits.items():
        tx.execute(delete(quotas).where(quotas.c.project_id == project_id, quotas.c.resource == resource))
        tx.execute(insert(quotas).values(project_id=project_id, resource=resource, limit=limit))


def drop_limits(tx: Tx, project_id: str) -> bool:
    return bool(tx.execute(delete(quotas).where(quotas.c.project_id == project_id)).rowcount)


def used(tx: Tx, resource: str, project_id: str) -> int:
    table = _TABLES[resource]
    statement = select(func.count()).select_from(table).where(table.c.project_id == project_id)
    return int(tx.execute(statement).scalar_one())
