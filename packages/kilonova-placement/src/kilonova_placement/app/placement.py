"""The placement service as an object: its database, its ledger, and the tasks that keep both true."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from kilonova_kit.clock import Clock, system_clock
from kilonova_kit.database import Database
from kilonova_kit.errors import Unavailable

from kilonova_placement.app.ledger import Ledger
from kilonova_placement.app.naming import register_all
from kilonova_placement.app.own import criteria_of
from kilonova_placement.app.proving import Proof, prove
from kilonova_placement.app.reaping import reap, tidy
from kilonova_placement.app.settings import PlacementSettings
from kilonova_placement.deciding.choosing import Chooser
from kilonova_placement.deciding.index import Index
from kilonova_placement.store.tables import metadata

log = logging.getLogger(__name__)


class PlacementApp:
    """What handlers get as ``call.app``. Several of these may share one PostgreSQL database. Raises SettingsError."""

    def __init__(self, settings: PlacementSettings, clock: Clock = system_clock) -> None:
        self.settings, self.clock = settings, clock
        self.database = Database(settings.database, name="placement", scattered=True)
        self.chooser = Chooser(criteria_of(settings), Random(settings.seed))  # noqa: S311 - breaks ties, keeps no secret
        self.ledger = Ledger(self.database, clock, self.chooser, Index(most=settings.limits))
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Bring the schema up to date, build the index, take work. Raises Unavailable."""
        await self.database.start(metadata)
        await self.ledger.start()
        await register_all(self.database, self.ledger.index, self.clock())
        settings = self.settings
        self._tasks = [
            asyncio.create_task(_every(settings.reap_every, self.reap), name="placement-reap"),
            asyncio.create_task(_every(settings.follow_every, self.ledger.follow), name="placement-follow"),
            asyncio.create_task(_every(settings.prove_every, self.prove), name="placement-prove"),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ledger.close()
        await self.database.close()

    async def ready(self) -> list[str]:
        """What is missing, in words; empty when placement can decide."""
        return self.ledger.missing()

    async def reap(self) -> int:
        released = await reap(self.database, self.ledger, self.clock)
        await tidy(self.database, self.clock, self.settings.remember_released)
        return released

    async def prove(self) -> Proof:
        return await prove(self.database, self.ledger)


async def _every(seconds: float, work: Callable[[], Awaitable[Any]]) -> None:
    """Do it again and again; a database that is away is met by trying later."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Unavailable as error:
            log.info("placement will look again in %s s: %s", seconds, error)
        except Exception:
            log.exception("keeping placement true failed; it is tried again in %s s", seconds)
