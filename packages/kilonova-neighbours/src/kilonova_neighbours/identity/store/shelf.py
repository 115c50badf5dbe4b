"""A shelf keeps things of one type in one table: the SQL that every resource needs and none should write again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from kilonova_kit.errors import Conflict
from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

#: A transaction in which the store works.
Tx = Connection

#: The advisory lock of PostgreSQL by which the writers of all processes take turns.
_TURN = select(func.pg_advisory_xact_lock(0x4B4E49))

T = TypeVar("T", bound=msgspec.Struct)


def take_turn(tx: Tx) -> None:
    """Wait for the other processes' writers: rules read, decide and write whole things, of which none may be older.

    Without it a wrong guess that is counted would write back the password that was changed meanwhile.
    """
    if tx.dialect.name != "sqlite":  # which has one writer anyway
        tx.execute(_TURN)


class Shelf(Generic[T]):
    """The type's fields are the table's columns. A criterion that is a list or a set means "one of these"."""

    def __init__(self, table: Table, kind: type[T], order: str) -> None:
        self._table, self._kind = table, kind
        self._columns = [table.c[field] for field in kind.__struct_fields__]
        self._key = [column.name for column in table.primary_key.columns]
        self._select = select(*self._columns)
        self._order = table.c[order]

    def get(self, tx: Tx, **equals: Any) -> T | None:
        """The one thing that these criteria name."""
        row = tx.execute(self._select.where(*self._where(equals)).limit(1)).first()
        return self._make(row._mapping) if row else None

    def find(self, tx: Tx, **equals: Any) -> list[T]:
        rows = tx.execute(self._select.where(*self._where(equals)).order_by(self._order))
        return [self._make(row._mapping) for row in rows]

    def add(self, tx: Tx, item: T) -> T:
        """Raises Conflict when a unique key is taken."""
        try:
            tx.execute(insert(self._table).values(**_values(item)))
        except IntegrityError as error:
            raise Conflict(f"Conflict occurred attempting to store {self._kind.__name__.lower()}.") from error
        return item

    def change(self, tx: Tx, item: T) -> T:
        values = _values(item)
        key = {name: values.pop(name) for name in self._key}
        try:
            tx.execute(update(self._table).where(*self._where(key)).values(**values))
        except IntegrityError as error:
            raise Conflict(f"Conflict occurred attempting to store {self._kind.__name__.lower()}.") from error
        return item

    def remove(self, tx: Tx, **equals: Any) -> int:
        """How many were there."""
        assert equals, "a shelf is never emptied by accident"
        return tx.execute(delete(self._table).where(*self._where(equals))).rowcount

    def remove_until(self, tx: Tx, column: str, limit: float) -> int:
        """Remove what has a smaller value in a column: what has expired."""
        return tx.execute(delete(self._table).where(self._table.c[column] < limit)).rowcount

    def _where(self, equals: Mapping[str, Any]) -> Iterable[Any]:
        for name, value in equals.items():
            column = self._table.c[name]
            yield column.in_(value) if isinstance(value, list | tuple | set | frozenset) else column == value

    def _make(self, row: Mapping[Any, Any]) -> T:
        return self._kind(**row)


def _values(item: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__struct_fields__}
