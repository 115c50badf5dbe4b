"""The registry of cells, in the global database."""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_kit.database import Connection, Upsert
from sqlalchemy import select

from kilonova_compute.store.tables import cells

_ENTER = Upsert(cells)


def enter(tx: Connection, wanted: Mapping[str, str]) -> None:
    """Add cells, or move those that are known to another URL; none is ever removed here.

    Several controllers may enter the same cells at once.
    """
    known = all_cells(tx)
    new = [(name, url) for name, url in sorted(wanted.items()) if known.get(name) != url]
    _ENTER.put(tx, [{"name": name, "database_url": url, "disabled": False} for name, url in new])


def all_cells(tx: Connection) -> dict[str, str]:
    """Name to database URL."""
    return {row.name: row.database_url for row in tx.execute(select(cells))}
