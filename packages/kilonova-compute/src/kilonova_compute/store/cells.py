"""The registry of cells, in the global database."""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_kit.database import Connection
from sqlalchemy import insert, select, update

from kilonova_compute.store.tables import cells


def enter(tx: Connection, wanted: Mapping[str, str]) -> None:
    """Add cells, or move those that are known to another URL; none is ever removed here."""
    known = all_cells(tx)
    for name, url in wanted.items():
        if name not in known:
            tx.execute(insert(cells).values(name=name, database_url=url))
        elif known[name] != url:
            tx.execute(update(cells).where(cells.c.name == name).values(database_url=url))


def all_cells(tx: Connection) -> dict[str, str]:
    """Name to database URL."""
    return {row.name: row.database_url for row in tx.execute(select(cells))}
