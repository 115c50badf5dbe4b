"""Many rows in one statement.

A statement with a list of rows is run once per row by the drivers: on SQLite each time the thread gives the
interpreter away and must wait to have it back, on PostgreSQL each row is a message of its own. So rows are handed over
as one JSON value, which the database takes apart. What SQLite shall insert it gets as values: a third of the time.

    _ENTER = InsertMany(claims, "claim_id", "owner")
    _ENTER.put(tx, [{"claim_id": "a", "owner": "b"}])

    _RAISE = UpdateMany(providers, "provider_id", lambda row: {"generation": row["after"]}, after=BigInteger())
    _RAISE.put(tx, [{"provider_id": "a", "after": 2}])

    _GENERATIONS = LookUpMany(providers, "provider_id", "generation", lock=True)
    _GENERATIONS.get(tx, ["a", "b"])            # {"a": 2}: b does not exist
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.types import TypeDecorator, TypeEngine

#: SQLite takes 32,766 values in a statement: up to 127 columns of so many rows.
_ROWS_AT_ONCE = 256
Columns = Mapping[str, ColumnElement[Any]]
Rows = Sequence[Mapping[str, Any]]


class InsertMany:
    """Inserts rows that say all of these columns, and no others. Columns of our own types (Json) it cannot have."""

    def __init__(self, table: Table, *names: str) -> None:
        types = {name: table.c[name].type for name in names}
        self._on_postgresql = insert(table).from_select(names, select(*_taken_apart(types)["postgresql"].values()))
        one = str(insert(table).values(dict.fromkeys(names)).compile(dialect=sqlite.dialect()))
        self._names = [column.name for column in table.columns if column.name in types]  # in the statement's order
        #: All before the values of a row, and those.
        self._head, _, self._row = one.rpartition(" VALUES ")

    def put(self, tx: Connection, rows: Rows) -> None:
        if tx.dialect.name != "sqlite":
            _run(tx, {tx.dialect.name: self._on_postgresql}, rows)
            return
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            values = tuple([row[name] for row in some for name in self._names])
            tx.exec_driver_sql(self._text(len(some)), values)

    def _text(self, rows: int) -> str:
        return f"{self._head} VALUES {', '.join([self._row] * rows)}"


class UpdateMany:
    """Updates the row with each one's ``key``. ``values``: what columns become, by ``more`` that each row says."""

    def __init__(
        self, table: Table, key: str, values: Callable[[Columns], Mapping[str, Any]], **more: TypeEngine[Any]
    ) -> None:
        types = {key: table.c[key].type, **more}
        self._of_dialect = {
            dialect: update(table).where(table.c[key] == columns[key]).values(values(columns))
            for dialect, columns in _taken_apart(types).items()
        }

    def put(self, tx: Connection, rows: Rows) -> None:
        _run(tx, self._of_dialect, rows)


class LookUpMany:
    """What a column says in the rows with these keys. ``lock``: nobody else may change them until the end."""

    def __init__(self, table: Table, key: str, value: str, *, lock: bool = False) -> None:
        keys = bindparam("keys", type_=Text)
        listed = func.json_each(keys).table_valued("value")
        found = select(table.c[key].label("k"), table.c[value].label("v"))
        in_sqlite = found.where(table.c[key].in_(select(listed.c.value))).subquery()
        array = bindparam("keys", type_=ARRAY(Text))  # each is looked up; what JSON lists would be joined with all rows
        in_postgresql = found.where(table.c[key] == any_(array)).order_by(table.c[key])  # all in one order
        locked = (in_postgresql.with_for_update() if lock else in_postgresql).subquery()
        self._of_dialect = {
            "sqlite": select(func.json_group_object(in_sqlite.c.k, in_sqlite.c.v, type_=Text)),
            "postgresql": select(cast(func.json_object_agg(locked.c.k, locked.c.v), Text)),
        }

    def get(self, tx: Connection, keys: Iterable[str]) -> dict[str, Any]:
        """The values by key; keys that have no row are not in the answer."""
        given = list(keys)
        if not given:
            return {}
        keys = msgspec.json.encode(given).decode() if tx.dialect.name == "sqlite" else given
        text = tx.execute(self._of_dialect[tx.dialect.name], {"keys": keys}).scalar()
        found: dict[str, Any] = msgspec.json.decode(text) if text else {}
        return found


def _run(tx: Connection, of_dialect: Mapping[str, Any], rows: Rows) -> None:
    if rows:
        tx.execute(of_dialect[tx.dialect.name], {"rows": msgspec.json.encode(rows).decode()})


def _taken_apart(types: Mapping[str, TypeEngine[Any]]) -> dict[str, Columns]:
    """The columns of the value ``rows``, for each kind of database."""
    if any(isinstance(kind, TypeDecorator) for kind in types.values()):
        raise TypeError("JSON says these columns in another way than their type does")
    given = bindparam("rows", type_=Text)
    one = func.json_each(given).table_valued("value", name="row")
    records = func.json_to_recordset(cast(given, JSON)).table_valued(
        *(column(name, kind) for name, kind in types.items()), name="row"
    )
    records = records.render_derived(with_types=True)
    return {
        "sqlite": {name: func.json_extract(one.c.value, f'$."{name}"', type_=kind) for name, kind in types.items()},
        "postgresql": {name: records.c[name] for name in types},
    }
