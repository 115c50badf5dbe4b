"""From the cells' outboxes to the server index: one carrier per cell, that never stops.

A line leaves the outbox only after the index has it; a crash between the two repeats the entry, which is harmless.
"""

from __future__ import annotations

import asyncio
import logging

from kilonova_kit.database import Database
from kilonova_kit.errors import Unavailable

from kilonova_compute.cells.cells import Cell
from kilonova_compute.store import index
from kilonova_compute.store import servers as store

log = logging.getLogger(__name__)

_BATCH = 500
#: For how long changes are gathered when nobody waits for them: a server that changes often is then carried less often.
_GATHER_SECONDS = 0.03
#: A cell whose database has not answered for so long is away, however long the database itself goes on trying: whoever
#: asks for something there need not wait for it, and new servers go elsewhere.
ANSWER_SECONDS = 5.0
_AWAY = "the control plane is stopping; try again"


class IndexCarrier:
    """Carries one cell's changes to the index. ``flush`` waits until what was written before it is there."""

    def __init__(self, cell: Cell, index_database: Database) -> None:
        self._cell, self._index = cell, index_database
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._served: list[asyncio.Future[None]] = []
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        #: Whether the cell's database answered when it was last asked.
        self.reachable = True

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"index-{self._cell.name}")

    async def close(self) -> None:
        """Stop; whoever still waits is told that nothing comes any more."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for done in (*self._served, *self._waiting):
            if not done.done():
                done.set_exception(Unavailable(_AWAY))

    def wake(self) -> None:
        self._wake.set()

    async def flush(self) -> None:
        """Return when everything committed before this call is in the index. Raises Unavailable once it is closed."""
        if self._closed:
            raise Unavailable(_AWAY)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wake.set()
        self._hurry.set()
        await done

    async def _run(self) -> None:
        while True:
            self._served, self._waiting = self._waiting, []
            try:
                while await self._carry():
                    pass
            except Exception as error:  # noqa: BLE001 - whatever it was: without its carrier a cell would be stale for ever
                self._tell(error)
                self._waiting = self._served + self._waiting
                await asyncio.sleep(1.0)
                continue
            for done in self._served:
                if not done.done():
                    done.set_result(None)
            if not self._waiting:
                await self._pause()

    def _tell(self, error: Exception) -> None:
        if isinstance(error, Unavailable):
            log.warning("the index of cell %s lags: %s", self._cell.name, error.message)
        else:
            log.error("the index of cell %s lags", self._cell.name, exc_info=error)

    async def _pause(self) -> None:
        """Until woken, or for a while: another controller may have written to the outbox."""
        if await _set_within(self._wake, 5.0):
            await _set_within(self._hurry, _GATHER_SECONDS)
        self._wake.clear()
        self._hurry.clear()

    async def _carry(self) -> bool:
        """One batch; whether there may be more."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                numbers, servers = await self._cell.database.read(lambda tx: store.announced(tx, _BATCH))
        except TimeoutError:
            self.reachable = False
            raise Unavailable(f"its database has not answered for {ANSWER_SECONDS:g} seconds") from None
        except Exception:
            self.reachable = False
            raise
        self.reachable = True
        if not numbers:
            return False
        await self._index.write(lambda tx: index.put(tx, servers))
        await self._cell.database.write(lambda tx: store.forget_announced(tx, numbers))
        return len(numbers) == _BATCH


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, or for a while."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
