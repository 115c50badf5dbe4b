"""How reconcilers run: each on its own timer, sooner when woken, never two runs of one at a time.

A reconciler takes no input. A run that fails is logged and the next one comes all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from kilonova_kit.errors import Unavailable
from kilonova_kit.metrics import counter

log = logging.getLogger(__name__)

_runs = counter("kilonova_reconciler_runs", "Runs of reconcilers", ("reconciler", "outcome"))


@dataclass(slots=True)
class Reconciler:
    """A thing that is kept true: what to run, and how often at least, in seconds."""

    name: str
    every: float
    run: Callable[[], Awaitable[None]]
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        self.woken.set()


class Loops:
    """Runs reconcilers until it is closed."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, reconciler: Reconciler) -> None:
        self._tasks.append(asyncio.create_task(_loop(reconciler), name=reconciler.name))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _loop(reconciler: Reconciler) -> None:
    while True:
        outcome = "done"
        try:
            await reconciler.run()
        except Unavailable as error:
            outcome = "unavailable"
            log.info("%s: %s", reconciler.name, error.message)
        except Exception:
            outcome = "failed"
            log.exception("%s failed", reconciler.name)
        _runs.labels(reconciler.name, outcome).inc()
        try:
            async with asyncio.timeout(reconciler.every):
                await reconciler.woken.wait()
        except TimeoutError:
            continue
        finally:
            reconciler.woken.clear()
