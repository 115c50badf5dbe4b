"""The change feed: which providers and groups changed, in numbered rows that other processes read."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from kilonova_placement.store.tables import changes


class Change(NamedTuple):
    """A provider or a group changed, in the transaction that wrote this number; the id of the other kind is empty."""

    seq: int
    provider_id: str
    group_id: str = ""


class Read(NamedTuple):
    """What others changed, in order, and up to which number it is all of it: 0 when there was more than asked for."""

    changes: list[Change]
    up_to: int


def changes_after(tx: Connection, seq: int, writer: str, limit: int) -> Read:
    """What others than this writer changed after this number."""
    newest = newest_change(tx)
    query = select(changes.c.seq, changes.c.provider_id, changes.c.group_id)
    query = query.where(changes.c.seq > seq, changes.c.writer != writer).order_by(changes.c.seq).limit(limit)
    found = [Change(*row) for row in tx.execute(query)]
    return Read(found, newest if len(found) < limit else 0)


def newest_change(tx: Connection) -> int:
    """The highest number, 0 when there is none."""
    return tx.scalar(select(func.max(changes.c.seq))) or 0


def clear_changes(tx: Connection, before: float) -> int:
    """Remove rows that every process has read or has given up; say how many."""
    return tx.execute(delete(changes).where(changes.c.at < before)).rowcount
