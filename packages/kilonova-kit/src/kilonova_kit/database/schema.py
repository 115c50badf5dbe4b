"""Expand: make the database hold at least what the tables in code say. Nothing is ever dropped or changed here.

Created: missing tables, missing indexes, missing columns (nullable or with a server default, so that older code, which
does not know them, can still insert). A missing column that would stop older code is refused with the fix in words.
Several processes may expand at once: what another has made meanwhile counts as made.
"""

from __future__ import annotations

import logging

from sqlalchemy import Column, Engine, MetaData, Table, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn

log = logging.getLogger(__name__)


class SchemaRefused(Exception):
    """The tables in code ask for a change that expand may not make."""


def expand(engine: Engine, metadata: MetaData) -> list[str]:
    """Add what is missing; say what was added, in words. Raises SchemaRefused."""
    done: list[str] = []
    existing = inspect(engine)  # all tables in a few questions: to ask for each takes most of a start
    columns, indexes = existing.get_multi_columns(), existing.get_multi_indexes()
    for table in metadata.sorted_tables:
        key = (None, table.name)
        if key not in columns:
            _quietly(engine, lambda connection, table=table: table.create(connection, checkfirst=True))
            done.append(f"table {table.name}")
            continue
        known = {column["name"] for column in columns[key]}
        done += [_add_column(engine, table, column) for column in table.columns if column.name not in known]
        named = {index["name"] for index in indexes.get(key, ())}
        for index in table.indexes:
            if index.name not in named:
                _quietly(engine, lambda connection, index=index: index.create(connection, checkfirst=True))
                done.append(f"index {index.name}")
    if done:
        log.info("schema expanded: %s", ", ".join(done))
    return done


def _add_column(engine: Engine, table: Table, column: Column[object]) -> str:
    if not column.nullable and column.server_default is None:
        raise SchemaRefused(
            f"column {table.name}.{column.name} is new and NOT NULL: make it nullable or give it a server_default"
        )
    definition = CreateColumn(column).compile(engine)
    name = engine.dialect.identifier_preparer.format_table(table)
    _quietly(engine, lambda connection: connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {definition}"))
    return f"column {table.name}.{column.name}"


def _quietly(engine: Engine, change: object) -> None:
    """Run one change; one that another process has made at the same moment is no error."""
    assert callable(change)
    try:
        with engine.begin() as connection:
            change(connection)
    except DBAPIError as error:
        words = str(error.orig).lower()
        if "already exists" not in words and "duplicate column" not in words:
            raise
