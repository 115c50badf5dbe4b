"""Writing what may be there already, because another process has written it at the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilonova_kit.errors import Conflict
from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError


def insert_new(tx: Connection, table: Table, values: Mapping[str, Any], taken: str) -> None:
    """Raises Conflict, with the words ``taken``, where it is there."""
    try:
        tx.execute(insert(table).values(values))
    except IntegrityError as error:
        raise Conflict(taken) from error


def insert_missing(tx: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Where it is there it stays as it is."""
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    tx.execute(dialect.insert(table).values(values).on_conflict_do_nothing())
