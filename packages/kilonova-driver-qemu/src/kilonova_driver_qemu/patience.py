"""When the waiting for a guest that was asked to shut down ends before its time.

Two things end it: a newer order of the same guest that does not ask (a removal, a forced stop) is waiting for its turn,
or the one who wanted the guest to shut down has gone away. The guest is left as it is then; what comes next decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from kilonova_driver.errors import DriverError, Stale, Transient


class Patience:
    """One guest's. The writer task waits with it; whoever queues an order may end that waiting."""

    def __init__(self) -> None:
        self._urgent = 0
        self._asker: asyncio.Future[Any] | None = None
        self._over = asyncio.Event()

    def urgent(self) -> None:
        """Note that an order that does not ask is in the queue; ``its_turn`` takes it back."""
        self._urgent += 1
        self._over.set()

    def its_turn(self, asker: asyncio.Future[Any], *, urgent: bool) -> None:
        """Note whose order is being obeyed from now on."""
        self._urgent -= urgent
        self._asker = asker
        self.look()

    def look(self) -> None:
        """Look again whether the waiting must end; called when an asker goes away."""
        if self._why_not(""):
            self._over.set()
        else:
            self._over.clear()

    def _why_not(self, guest_id: str) -> DriverError | None:
        if self._urgent:
            return Stale(f"guest {guest_id}: overtaken by an order that does not wait for the guest")
        if self._asker is not None and self._asker.cancelled():
            return Transient(f"guest {guest_id}: nobody waits any more for it to shut down")
        return None

    async def wait(self, guest_id: str, waiting: Coroutine[Any, Any, bool]) -> bool:
        """Wait, and give what came of it. Raises Stale when overtaken, Transient when nobody wants it any more."""
        awaited = asyncio.create_task(waiting)
        tasks = (awaited, asyncio.create_task(self._over.wait()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(results[0], bool):
            return results[0]
        if (why := self._why_not(guest_id)) is not None:
            raise why
        return False
