"""Whose metadata a guest sees: found by the network and the address it asks from, freshest from the controller.

The controller is asked for at most two seconds; without its answer the wish that the guest was made with says it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from kilonova_messages.wishes import GuestMetadata, PortWiring

from kilonova_agent.records import GuestRecord, Records

FRESH_SECONDS = 5.0
Ask = Callable[[str], Awaitable[GuestMetadata | None]]


class MetadataLink:
    """Answers the metadata service. ``ask`` is the controller."""

    def __init__(self, records: Records, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._records, self._ask, self._clock = records, ask, clock
        self._known: dict[str, tuple[float, GuestMetadata]] = {}
        self._asking: dict[str, asyncio.Task[GuestMetadata]] = {}

    async def lookup(self, network_id: str, address: str) -> GuestMetadata | None:
        """The metadata of the guest with this address on this network; None for a stranger."""
        record = self._records.guest_at(network_id, address)
        if record is None or record.wish is None:
            return None
        known = self._known.get(record.guest_id)
        if known is not None and self._clock() - known[0] < FRESH_SECONDS:
            return known[1]
        return await asyncio.shield(self._fresh(record, record.wish.metadata))

    def _fresh(self, record: GuestRecord, written: GuestMetadata) -> asyncio.Task[GuestMetadata]:
        """The one question about this guest that is under way."""
        task = self._asking.get(record.guest_id)
        if task is None:
            task = self._asking[record.guest_id] = asyncio.create_task(self._learn(record.guest_id, written))
            task.add_done_callback(lambda _: self._asking.pop(record.guest_id, None))
        return task

    async def _learn(self, guest_id: str, written: GuestMetadata) -> GuestMetadata:
        found = await self._ask(guest_id)
        # The newest the guest was ever told wins over what it was made with.
        older = self._known.get(guest_id)
        metadata = found or (older[1] if older else written)
        # Only of guests that are here: user data is large, and holds its owner's secrets.
        self._known = {known: kept for known, kept in self._known.items() if self._records.get(known) is not None}
        self._known[guest_id] = (self._clock(), metadata)
        return metadata

    async def ports_of(self, server_id: str) -> tuple[PortWiring, ...]:
        record = self._records.get(server_id)
        return record.wish.ports if record is not None and record.wish is not None else ()
