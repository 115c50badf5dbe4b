"""Insert rows, or replace those that have their keys: one statement per row for either database, made once.

To ask first whether a row is there costs a second statement, and leaves a gap between the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


class Upsert:
    """Puts whole rows into a table. ``rising``: a column that must be higher than what is there, else the row stays."""

    def __init__(self, table: Table, *, rising: str = "") -> None:
        self._of_dialect = {
            "sqlite": _statement(sqlite.insert(table), table, rising),
            "postgresql": _statement(postgresql.insert(table), table, rising),
        }

    def put(self, tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Every row names every column of the table that shall not be NULL."""
        if rows:
            tx.execute(self._of_dialect[tx.dialect.name], rows)


def _statement(insert: sqlite.Insert | postgresql.Insert, table: Table, rising: str) -> Any:
    keys = [column.name for column in table.primary_key]
    given = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
    newer = table.c[rising] < insert.excluded[rising] if rising else None
    return insert.on_conflict_do_update(index_elements=keys, set_=given, where=newer)
