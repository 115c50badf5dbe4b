"""The cells of this cloud: each a database of its own, and one global database for what belongs to no cell.

A cell appears by a row; the registry is read again from time to time, so nothing needs a restart. A cell whose database
is away is known but not open: it answers Unavailable, like any that is away later, until it opens. cell0 holds servers
that could not be placed; it has no hosts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from kilonova_kit.database import Database
from kilonova_kit.errors import Unavailable

from kilonova_compute.store import cells as store
from kilonova_compute.store.tables import CELL, GLOBAL

log = logging.getLogger(__name__)

CELL0 = "cell0"
#: For how long a cell's database may be away before the others go on without it.
_PATIENCE_SECONDS = 2.0
#: For how long anybody waits for a cell to open: one try of a database that does not answer takes as long as it likes.
_WAIT_SECONDS = 5.0


class Cell:
    """One cell: its name and its database."""

    def __init__(self, name: str, database: Database) -> None:
        self.name, self.database = name, database


class Cells:
    """The global database and every cell's."""

    def __init__(self, global_url: str) -> None:
        self.database = Database(global_url, name="global")
        self._cells: dict[str, Cell] = {}
        #: Cells that are being opened; a database that does not answer may hold that up for long.
        self._opening: dict[str, asyncio.Task[None]] = {}

    async def start(self, wanted: Mapping[str, str]) -> None:
        """Open the global database, enter the ``wanted`` cells (name to URL), open every cell that can be opened."""
        await self.database.start(GLOBAL)
        await self.database.write(lambda tx: store.enter(tx, wanted))
        await self.refresh()

    async def refresh(self) -> list[Cell]:
        """Know the cells that have appeared since, and open those that are not open; which of them are open now."""
        for name, url in (await self.database.read(store.all_cells)).items():
            if name not in self._cells:
                self._cells[name] = Cell(name, Database(url, name=name))
        for cell in self._cells.values():
            if not cell.database.is_open and cell.name not in self._opening:
                self._opening[cell.name] = asyncio.create_task(_open(cell), name=f"open-{cell.name}")
        if self._opening:
            await asyncio.wait(self._opening.values(), timeout=_WAIT_SECONDS)
        tried = [name for name, opening in self._opening.items() if opening.done()]
        for name in tried:
            self._opening.pop(name).result()
        return [cell for cell in map(self.get, tried) if cell.database.is_open]

    async def close(self) -> None:
        """Let go of all at the same time: one that is away may take long."""
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        await asyncio.gather(*(cell.database.close() for cell in self._cells.values()))
        await self.database.close()

    def all(self) -> tuple[Cell, ...]:
        return tuple(self._cells.values())

    def with_hosts(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self._cells.values() if cell.name != CELL0)

    def get(self, name: str) -> Cell:
        """The cell of that name, as a record says it. Raises Unavailable where it has appeared a moment ago."""
        if name not in self._cells:
            raise Unavailable(f"cell {name} is not known here yet; try again")
        return self._cells[name]


async def _open(cell: Cell) -> None:
    """Open the cell, unless its database is away."""
    try:
        await cell.database.start(CELL, patience_seconds=_PATIENCE_SECONDS)
    except Unavailable as error:
        log.warning("cell %s is not open yet: %s", cell.name, error.message)
        return
    log.info("cell %s is open", cell.name)
