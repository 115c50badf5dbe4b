"""Key pairs in the global database; a name is unique among a user's own."""

from __future__ import annotations

from typing import Any

from kilonova_kit.database import Connection
from kilonova_kit.errors import Conflict
from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from kilonova_compute.model.keypairs import KeyPair
from kilonova_compute.store.tables import key_pairs


def _read(row: Row[Any]) -> KeyPair:
    return KeyPair(
        number=row.number,
        user_id=row.user_id,
        name=row.name,
        kind=row.kind,
        public_key=row.public_key,
        fingerprint=row.fingerprint,
        created_at=row.created_at,
    )


def add(tx: Connection, key: KeyPair) -> None:
    """Raises Conflict when the user has one of that name."""
    try:
        with tx.begin_nested():
            tx.execute(
                insert(key_pairs).values(
                    user_id=key.user_id,
                    name=key.name,
                    kind=key.kind,
                    public_key=key.public_key,
                    fingerprint=key.fingerprint,
                    created_at=key.created_at,
                )
            )
    except IntegrityError as error:
        raise Conflict(f"Key pair '{key.name}' already exists.") from error


def find(tx: Connection, user_id: str, name: str) -> KeyPair | None:
    row = tx.execute(select(key_pairs).where(key_pairs.c.user_id == user_id, key_pairs.c.name == name)).first()
    return None if row is None else _read(row)


def listed(tx: Connection, user_id: str, after: str, limit: int | None) -> list[KeyPair]:
    """Those of a user by name, from behind ``after`` on."""
    query = select(key_pairs).where(key_pairs.c.user_id == user_id, key_pairs.c.name > after).order_by(key_pairs.c.name)
    return [_read(row) for row in tx.execute(query.limit(limit) if limit is not None else query)]


def count(tx: Connection, user_id: str) -> int:
    return tx.execute(select(func.count()).where(key_pairs.c.user_id == user_id)).scalar_one()


def remove(tx: Connection, user_id: str, name: str) -> bool:
    """Whether there was one."""
    where = (key_pairs.c.user_id == user_id) & (key_pairs.c.name == name)
    return tx.execute(delete(key_pairs).where(where)).rowcount > 0
