"""Resource classes and traits that are not in the standard lists: made by clients, or reported by agents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sqlalchemy import Connection, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kilonova_placement.store.claims import in_chunks
from kilonova_placement.store.tables import custom_classes, custom_traits

#: ``share``: nobody deletes the names that are there until this transaction ends; ``own``: nobody takes them either.
Lock = Literal["", "share", "own"]


def classes(tx: Connection) -> dict[str, float]:
    """Every custom class in the order they were made, and when."""
    query = select(custom_classes.c.name, custom_classes.c.created_at).order_by(custom_classes.c.class_id)
    return {row.name: row.created_at for row in tx.execute(query)}


def traits(tx: Connection) -> dict[str, float]:
    """Every custom trait by name, and when it was made."""
    query = select(custom_traits.c.name, custom_traits.c.created_at).order_by(custom_traits.c.name)
    return {row.name: row.created_at for row in tx.execute(query)}


def lacking_classes(tx: Connection, names: Iterable[str], lock: Lock = "") -> set[str]:
    """Those of the names that nobody has made."""
    return _lacking(tx, custom_classes, names, lock)


def lacking_traits(tx: Connection, names: Iterable[str], lock: Lock = "") -> set[str]:
    """Those of the names that nobody has made."""
    return _lacking(tx, custom_traits, names, lock)


def _lacking(tx: Connection, table: Table, names: Iterable[str], lock: Lock) -> set[str]:
    wanted = set(names)
    found: set[str] = set()
    for chunk in in_chunks(sorted(wanted)):
        query = select(table.c.name).where(table.c.name.in_(chunk)).order_by(table.c.name)
        found.update(tx.scalars(query.with_for_update(read=lock == "share") if lock else query))
    return wanted - found


def make_classes(tx: Connection, names: Iterable[str], now: float) -> None:
    """Write down classes; one that another process has made meanwhile is there already."""
    _make(tx, custom_classes, names, now)


def make_traits(tx: Connection, names: Iterable[str], now: float) -> None:
    """Write down traits; one that another process has made meanwhile is there already."""
    _make(tx, custom_traits, names, now)


def _make(tx: Connection, table: Table, names: Iterable[str], now: float) -> None:
    rows = [{"name": name, "created_at": now} for name in sorted(names)]
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    if rows:
        tx.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def rename_class(tx: Connection, name: str, other: str) -> None:
    tx.execute(update(custom_classes).where(custom_classes.c.name == name).values(name=other))


def delete_class(tx: Connection, name: str) -> None:
    tx.execute(delete(custom_classes).where(custom_classes.c.name == name))


def delete_trait(tx: Connection, name: str) -> None:
    tx.execute(delete(custom_traits).where(custom_traits.c.name == name))
