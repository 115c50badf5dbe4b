"""Quotas that differ from the settings: of a project, of a user in a project, and of all (the default class)."""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_kit.database import Connection
from sqlalchemy import delete, insert, select, update

from kilonova_compute.store.tables import quotas

PROJECT, USER, CLASS = "project", "user", "class"


def of(tx: Connection, scope: str, owner: str) -> dict[str, int]:
    """Name to amount, of what was set."""
    where = (quotas.c.scope == scope) & (quotas.c.owner == owner)
    return {row.name: row.amount for row in tx.execute(select(quotas.c.name, quotas.c.amount).where(where))}


def put(tx: Connection, scope: str, owner: str, amounts: Mapping[str, int]) -> None:
    for name, amount in amounts.items():
        where = (quotas.c.scope == scope) & (quotas.c.owner == owner) & (quotas.c.name == name)
        if tx.execute(update(quotas).where(where).values(amount=amount)).rowcount == 0:
            tx.execute(insert(quotas).values(scope=scope, owner=owner, name=name, amount=amount))


def forget(tx: Connection, scope: str, owner: str) -> None:
    """Back to what holds for all."""
    tx.execute(delete(quotas).where(quotas.c.scope == scope, quotas.c.owner == owner))


def forget_users(tx: Connection, project_id: str) -> None:
    """Also of every user of a project; a user's owner key begins with the project's id."""
    where = quotas.c.owner.startswith(f"{project_id}:", autoescape=True)
    tx.execute(delete(quotas).where(quotas.c.scope == USER, where))
