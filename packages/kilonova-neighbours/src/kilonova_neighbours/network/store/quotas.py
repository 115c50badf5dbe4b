"""Quotas: a project's own limits, and how much it uses (counted, never remembered)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, delete, insert, select

from kilonova_neighbours.network.store.kinds import KINDS
from kilonova_neighbours.network.store.tables import quotas
from kilonova_neighbours.network.store.transactions import Tx

_KINDS = {kind.singular: kind for kind in KINDS}
_OWN_LIMITS = select(quotas.c.resource, quotas.c.limit).where(quotas.c.project_id == bindparam("owner"))


def own_limits(tx: Tx, project_id: str) -> dict[str, int]:
    rows = tx.execute(_OWN_LIMITS, {"owner": project_id})
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
    return int(tx.execute(_KINDS[resource].count_of_project, {"project_id": project_id}).scalar_one())
