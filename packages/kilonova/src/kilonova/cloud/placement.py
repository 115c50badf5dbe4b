"""Placement served alone: its two APIs behind a port of its own, its database, and the identity service by URL.

Compute elsewhere reaches it as any client does, by ``[neighbours] placement`` in its own settings. Several of these
may run on one PostgreSQL database.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from importlib.metadata import version

from kilonova_kit.http.client import ByUrl, ServiceClient
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.policy import PolicyBook
from kilonova_kit.http.serving import FrontDoor
from kilonova_kit.http.token_check import TokenCheck
from kilonova_kit.processes import write_mark
from kilonova_placement.service import SERVICE, PlacementApp, PlacementSettings

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder, CloudState
from kilonova.cloud.process import settle_memory, stop_event
from kilonova.cloud.serving import start_serving
from kilonova.cloud.settings import OperatorSettings, placement_settings

MARK = "placement.json"


async def run_placement(
    folder: CloudFolder, state: CloudState, operator: OperatorSettings, *, announce: bool = True
) -> None:
    """Start it, say ``ready``, and go on until SIGTERM or SIGINT. Raises CloudError, Unavailable."""
    if "identity" not in operator.neighbours:
        raise CloudError("whose tokens are these? say --identity URL, for example http://127.0.0.1:8774/identity")
    stop = stop_event()
    write_mark(folder.run / MARK, os.getpid())
    service = PlacementAlone(placement_settings(operator, folder), operator, state)
    try:
        await service.start()
        settle_memory()
        if announce:
            print(f"ready {state.public_url or state.url}{SERVICE.prefix}", flush=True)
        await stop.wait()
    finally:
        await service.close()
        (folder.run / MARK).unlink(missing_ok=True)


class PlacementAlone:
    """What ``run_placement`` starts and ends."""

    def __init__(self, settings: PlacementSettings, operator: OperatorSettings, state: CloudState) -> None:
        self._state = state
        self._app = PlacementApp(settings)
        self._identity = ByUrl(operator.neighbours["identity"])
        check = TokenCheck(ServiceClient(self._identity, None))
        self._door = FrontDoor(self._app.ready, version("kilonova"))
        self._door.mount(Edge(SERVICE, self._app, check, PolicyBook(operator.policy), state.public_url))
        self._end_serving: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Build the index, then answer: before that it would say that nothing is there."""
        await self._app.start()
        self._end_serving = await start_serving(self._door, self._state)

    async def close(self) -> None:
        if self._end_serving is not None:
            await self._end_serving()
        await self._app.close()
        await self._identity.close()
