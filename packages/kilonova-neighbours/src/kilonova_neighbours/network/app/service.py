"""The network service itself: what handlers get as ``call.app``.

Invariants: one transaction per request; an answer means that the disk has it; ``on_change`` is called after each commit
that could change a wired port, and only then. It is a hint: whoever misses it finds the same truth in the ports' list.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from kilonova_kit.clock import Clock, iso_seconds, system_clock
from kilonova_kit.database import Database
from kilonova_kit.errors import Unavailable

from kilonova_neighbours.network.app import bootstrap, security_groups
from kilonova_neighbours.network.app.work import Work
from kilonova_neighbours.network.model.records import Actor
from kilonova_neighbours.network.settings import BootstrapNetwork, NetworkSettings
from kilonova_neighbours.network.store.tables import metadata
from kilonova_neighbours.network.store.transactions import Tx, is_collision

log = logging.getLogger(__name__)

T = TypeVar("T")

#: How often a request runs again when another took the same address, MAC or rule at the same moment.
_MOST_RUNS = 10


class NetworkApp:
    """The service. ``on_change`` gets the plural name of what changed; it must be quick and must not raise."""

    def __init__(
        self,
        settings: NetworkSettings,
        *,
        clock: Clock = system_clock,
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        self.settings, self._clock, self._on_change = settings, clock, on_change
        self.database = Database(settings.database_url, name="network")

    async def start(self) -> None:
        await self.database.start(metadata)

    async def close(self) -> None:
        await self.database.close()

    async def ready(self) -> list[str]:
        """What is not ready, in words."""
        try:
            await self.read(Actor(project_id="", is_admin=True, is_trusted=True), bootstrap.look)
        except Unavailable as error:
            return [f"network: {error.message}"]
        return []

    async def read(self, actor: Actor, ask: Callable[[Work], T]) -> T:
        """Run a function that only reads."""
        return await self.database.read(lambda tx: ask(self._work(tx, actor, None)))

    async def write(
        self, actor: Actor, change: Callable[[Work], T], *, wires: str = "", if_revision: int | None = None
    ) -> T:
        """Run a function in a transaction; again when it collided with another one. ``wires``: then tell of it.

        ``wires`` is the plural name of what changed; empty for what no wired port can notice.
        """
        for run in range(1, _MOST_RUNS + 1):
            try:
                result = await self.database.write(lambda tx: change(self._work(tx, actor, if_revision)))
                break
            except Exception as error:
                if not is_collision(error) or run == _MOST_RUNS:
                    raise
                log.debug("run %d collided with another request; running again", run)
        if wires and self._on_change is not None:
            self._on_change(wires)
        return result

    def _work(self, tx: Tx, actor: Actor, if_revision: int | None) -> Work:
        return Work(tx, actor, self.settings, iso_seconds(self._clock()), if_revision)

    async def ensure_default_group(self, actor: Actor) -> None:
        """Give the actor's project its default security group before it looks for it."""
        project_id = actor.project_id
        if project_id and not await self.read(actor, lambda work: security_groups.has_default(work, project_id)):
            await self.write(actor, lambda work: security_groups.ensure_default(work, project_id))

    async def bootstrap(self, wanted: BootstrapNetwork) -> None:
        """Make the network and its subnet unless they are there already."""
        actor = Actor(project_id=wanted.project_id, is_admin=True, is_trusted=True)
        await self.write(actor, lambda work: bootstrap.ensure_network(work, wanted), wires="networks")
