"""One subscription: it lives as long as the bus, over any number of connections.

Every message is handled in a task of its own, at most ``at_once`` together; further ones wait in a bounded queue, and
what does not fit there is dropped (messages are hints). A handler that raises is logged; the subscription goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Awaitable, Callable

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Line
from nats.errors import Error as NatsError

from kilonova_kit.metrics import counter

log = logging.getLogger(__name__)

_failures = counter("kilonova_bus_handler_failures_total", "Messages whose handler raised an error.")

_QUEUED_MESSAGES = 8192
_QUEUED_BYTES = 32 * 1024 * 1024


class BusMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as a handler gets it. ``wants_reply``: what the handler returns goes back to the sender."""

    subject: str
    data: bytes
    wants_reply: bool


Handler = Callable[[BusMessage], Awaitable[bytes | None]]
Reply = Callable[[str, bytes], Awaitable[None]]


class Subscription:
    """A subject and its handler. ``close()`` ends it; it is made by ``Bus.subscribe``."""

    def __init__(self, subject: str, queue: str, handler: Handler, reply: Reply, at_once: int) -> None:
        self.subject = subject
        self.queue = queue
        self._handler = handler
        self._reply = reply
        self._room = asyncio.Semaphore(at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self._line: Line | None = None
        self.forgotten: Callable[[], None] = lambda: None

    async def attach(self, client: Client) -> None:
        """Subscribe over this (new) connection."""
        self._line = await client.subscribe(
            self.subject,
            queue=self.queue,
            cb=self._take,
            pending_msgs_limit=_QUEUED_MESSAGES,
            pending_bytes_limit=_QUEUED_BYTES,
        )

    async def close(self, *, within: float = 5.0) -> None:
        """No new messages; what has come is still handled ``within`` seconds, then cancelled."""
        self.forgotten()
        deadline = asyncio.get_running_loop().time() + within
        line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                drain: Callable[[], Awaitable[None]] = line.drain
                async with asyncio.timeout(within):
                    await drain()
        if self._tasks:
            left = deadline - asyncio.get_running_loop().time()
            _, late = await asyncio.wait(self._tasks, timeout=max(left, 0.01))
            for task in late:
                task.cancel()

    async def _take(self, message: Msg) -> None:
        await self._room.acquire()
        # An empty context: a handler must not write its log lines in the name of whoever subscribed.
        task = asyncio.create_task(self._handle(message), context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()

    async def _handle(self, message: Msg) -> None:
        try:
            wanted = BusMessage(subject=message.subject, data=message.data, wants_reply=bool(message.reply))
            answer = await self._handler(wanted)
            if answer is not None and message.reply:
                await self._reply(message.reply, answer)
        except Exception:
            _failures.inc()
            log.exception("the handler of a message on %s failed", message.subject)
