"""Resource classes and traits that are not in the standard lists: made by clients, or reported by agents."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Table, delete, insert, select, update

from kilonova_placement.store.claims import in_chunks
from kilonova_placement.store.tables import custom_classes, custom_traits


def classes(tx: Connection) -> dict[str, float]:
    """Every custom class in the order they were made, and when."""
    query = select(custom_classes.c.name, custom_classes.c.created_at).order_by(custom_classes.c.class_id)
    return {row.name: row.created_at for row in tx.execute(query)}


def traits(tx: Connection) -> dict[str, float]:
    """Every custom trait by name, and when it was made."""
    query = select(custom_traits.c.name, custom_traits.c.created_at).order_by(custom_traits.c.name)
    return {row.name: row.created_at for row in tx.execute(query)}


def lacking_classes(tx: Connection, names: Iterable[str]) -> set[str]:
    """Those of the names that nobody has made."""
    return _lacking(tx, custom_classes, names)


def lacking_traits(tx: Connection, names: Iterable[str]) -> set[str]:
    """Those of the names that nobody has made."""
    return _lacking(tx, custom_traits, names)


def _lacking(tx: Connection, table: Table, names: Iterable[str]) -> set[str]:
    wanted = set(names)
    found: set[str] = set()
    for chunk in in_chunks(sorted(wanted)):
        found.update(tx.scalars(select(table.c.name).where(table.c.name.in_(chunk))))
    return wanted - found


def make_classes(tx: Connection, names: Iterable[str], now: float) -> None:
    """Write down classes that do not exist."""
    _make(tx, custom_classes, names, now)


def make_traits(tx: Connection, names: Iterable[str], now: float) -> None:
    """Write down traits that do not exist."""
    _make(tx, custom_traits, names, now)


def _make(tx: Connection, table: Table, names: Iterable[str], now: float) -> None:
    rows = [{"name": name, "created_at": now} for name in sorted(names)]
    if rows:
        tx.execute(insert(table), rows)


def rename_class(tx: Connection, name: str, other: str) -> None:
    tx.execute(update(custom_classes).where(custom_classes.c.name == name).values(name=other))


def delete_class(tx: Connection, name: str) -> None:
    tx.execute(delete(custom_classes).where(custom_classes.c.name == name))


def delete_trait(tx: Connection, name: str) -> None:
    tx.execute(delete(custom_traits).where(custom_traits.c.name == name))
