"""The cells of this cloud: each a database of its own, and one global database for what belongs to no cell.

A cell appears by a row; the registry is read again from time to time, so nothing needs a restart. cell0 holds servers
that could not be placed; it has no hosts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from kilonova_kit.database import Database
from kilonova_kit.errors import NotFound

from kilonova_compute.store import cells as store
from kilonova_compute.store.tables import CELL, GLOBAL

log = logging.getLogger(__name__)

CELL0 = "cell0"


class Cell:
    """One cell: its name and its database."""

    def __init__(self, name: str, database: Database) -> None:
        self.name, self.database = name, database


class Cells:
    """The global database and every cell's."""

    def __init__(self, global_url: str) -> None:
        self.database = Database(global_url, name="global")
        self._cells: dict[str, Cell] = {}

    async def start(self, wanted: Mapping[str, str]) -> None:
        """Open the global database, enter the ``wanted`` cells (name to URL) and open every cell there is."""
        await self.database.start(GLOBAL)
        await self.database.write(lambda tx: store.enter(tx, wanted))
        await self.refresh()

    async def refresh(self) -> None:
        """Open cells that have appeared since."""
        for name, url in (await self.database.read(store.all_cells)).items():
            if name not in self._cells:
                cell = Cell(name, Database(url, name=name))
                await cell.database.start(CELL)
                self._cells[name] = cell
                log.info("cell %s is open", name)

    async def close(self) -> None:
        for cell in self._cells.values():
            await cell.database.close()
        await self.database.close()

    def all(self) -> tuple[Cell, ...]:
        return tuple(self._cells.values())

    def with_hosts(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self._cells.values() if cell.name != CELL0)

    def get(self, name: str) -> Cell:
        """The cell of that name. Raises NotFound."""
        if name not in self._cells:
            raise NotFound(f"there is no cell {name}")
        return self._cells[name]
