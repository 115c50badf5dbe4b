"""Reports that must arrive: each is sent until a Receipt says that it counted, or never will.

A report has a key (its kind, or kind and id); a newer one of the same key takes the place of an older one that has not
arrived. What is sent may be made anew at each try, so that a late try does not tell old news. Bounded: beyond the
bound the oldest goes, because the controller asks again for what it misses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Hashable

import msgspec
from kilonova_kit.bus import BusError, MessageTooLarge
from kilonova_kit.metrics import counter
from kilonova_messages.encoding import decode_receipt, encode
from kilonova_messages.reports import Receipt, Report

log = logging.getLogger(__name__)

_dropped = counter("kilonova_agent_reports_dropped_total", "Reports given up, because too many waited.")

MOST = 10_000
_AT_ONCE = 64
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
Make = Callable[[], Awaitable[Report | None]]
Send = Callable[[bytes], Awaitable[bytes]]
Heard = Callable[[Receipt], None]


class _Entry:
    """What is to be sent under a key; None made means that there is nothing to say any more."""

    __slots__ = ("heard", "urgent", "what")

    def __init__(self, what: Report | Make, heard: Heard | None, *, urgent: bool) -> None:
        self.what, self.heard, self.urgent = what, heard, urgent

    async def make(self) -> Report | None:
        return await self.what() if callable(self.what) else self.what


class Outbox:
    """``send`` asks the controller and raises BusError when that fails."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._entries: dict[Hashable, _Entry] = {}
        self._senders: dict[Hashable, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._again = asyncio.Event()
        self._closed = False

    def put(self, key: Hashable, what: Report | Make, heard: Heard | None = None, *, urgent: bool = False) -> None:
        """Send this until it is receipted; ``heard`` gets the receipt. An urgent one does not wait for the others."""
        if self._closed:
            return
        self._entries[key] = _Entry(what, heard, urgent=urgent)
        if key not in self._senders:
            self._senders[key] = asyncio.create_task(self._deliver(key))
        while len(self._entries) > MOST:
            del self._entries[next(iter(self._entries))]
            _dropped.inc()

    def try_now(self) -> None:
        """The bus is back: do not wait out the pauses."""
        self._again.set()
        self._again = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._entries)

    async def close(self) -> None:
        """Give up; what the controller misses it asks for again."""
        self._closed = True
        tasks = tuple(self._senders.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, key: Hashable) -> None:
        try:
            await self._send_all(key)
        finally:
            # At once, without an await since nothing was left to send: what comes later gets a sender of its own.
            del self._senders[key]

    async def _send_all(self, key: Hashable) -> None:
        pause = _FIRST_PAUSE
        while (entry := self._entries.get(key)) is not None:
            try:
                receipt = await self._tell(entry)
            except MessageTooLarge as error:
                log.error("a report is too large for the bus and is dropped: %s", error)
                receipt = None
            except (BusError, msgspec.DecodeError) as error:
                log.debug("report %s is sent again: %s", key, error)
                await self._wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            except Exception:
                log.exception("report %s could not be made and is dropped", key)
                receipt = None
            if self._entries.get(key) is entry:
                del self._entries[key]
                if receipt is not None and entry.heard is not None:
                    entry.heard(receipt)

    async def _tell(self, entry: _Entry) -> Receipt | None:
        async with contextlib.nullcontext() if entry.urgent else self._room:
            report = await entry.make()
            return None if report is None else decode_receipt(await self._send(encode(report)))

    async def _wait(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause * random.uniform(0.5, 1.0)):  # noqa: S311 - spreads hosts
                await self._again.wait()
        except TimeoutError:
            return
