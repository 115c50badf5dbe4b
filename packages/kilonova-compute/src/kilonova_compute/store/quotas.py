"""Quotas that differ from the settings: of a project, of a user in a project, and of all (the default class)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kilonova_kit.database import Connection, Upsert
from sqlalchemy import bindparam, delete, func, select, tuple_

from kilonova_compute.store.tables import quotas

PROJECT, USER, CLASS = "project", "user", "class"


Scope = tuple[str, str]

# Made once: it is asked for each server that is made.
_OF = select(quotas.c.scope, quotas.c.name, quotas.c.amount).where(
    tuple_(quotas.c.scope, quotas.c.owner).in_(bindparam("scopes", expanding=True))
)
_SET = Upsert(quotas)


def hold(tx: Connection, owner: str) -> None:
    """Let nobody else take of what a project, or a user, may have until the transaction ends: SQLite has one writer."""
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(owner, 0))))


def of(tx: Connection, scopes: Sequence[Scope]) -> list[dict[str, int]]:
    """What was set for each scope and its owner: name to amount."""
    found: dict[str, dict[str, int]] = {scope: {} for scope, _ in scopes}
    for scope, name, amount in tx.execute(_OF, {"scopes": list(scopes)}):
        found[scope][name] = amount
    return [found[scope] for scope, _ in scopes]


def put(tx: Connection, scope: str, owner: str, amounts: Mapping[str, int]) -> None:
    _SET.put(tx, [{"scope": scope, "owner": owner, "name": name, "amount": amounts[name]} for name in sorted(amounts)])


def forget(tx: Connection, scope: str, owner: str) -> None:
    """Back to what holds for all."""
    tx.execute(delete(quotas).where(quotas.c.scope == scope, quotas.c.owner == owner))


def forget_users(tx: Connection, project_id: str) -> None:
    """Also of every user of a project; a user's owner key begins with the project's id."""
    where = quotas.c.owner.startswith(f"{project_id}:", autoescape=True)
    tx.execute(delete(quotas).where(quotas.c.scope == USER, where))
