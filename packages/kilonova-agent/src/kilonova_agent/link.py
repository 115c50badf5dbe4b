"""The agent's place on the bus: its own four subjects and nothing else.

    work    steps come in                          ask   questions come in, and are answered at once
    report  what the host says, until it is receipted    (and the question for a guest's metadata)

The bus may be away for as long as it likes: guests run on, steps in hand go on, reports wait in the outbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable

import msgspec
from kilonova_kit.bus import Bus, BusDown, BusError, BusMessage, BusRefused
from kilonova_kit.bus.credentials import Credentials
from kilonova_messages import subjects
from kilonova_messages.asks import Answer, Ask
from kilonova_messages.encoding import decode_ask, decode_receipt, decode_step_request, encode
from kilonova_messages.reports import MetadataQuestion
from kilonova_messages.steps import StepError, StepRequest
from kilonova_messages.wishes import GuestMetadata

from kilonova_agent.errors import AgentError
from kilonova_agent.joining import Joined
from kilonova_agent.outbox import Outbox

log = logging.getLogger(__name__)

_REPORT_SECONDS = 5.0
_METADATA_SECONDS = 2.0
_CONNECT_SECONDS = 10.0

Answerer = Callable[[Ask], Awaitable[Answer]]
TakeStep = Callable[[StepRequest], None]


class Link:
    """One connection, made by ``connect`` and kept until ``close``."""

    def __init__(self, joined: Joined, credentials: Credentials, tls: ssl.SSLContext | None) -> None:
        self._joined, self._credentials, self._tls = joined, credentials, tls
        self._bus: Bus | None = None
        self._report = subjects.report(joined.cell, joined.host_id)
        self.outbox = Outbox(self._send)
        #: Called after each connection but the first.
        self.on_reconnect: Callable[[], None] = lambda: None

    @property
    def is_connected(self) -> bool:
        return self._bus is not None and self._bus.is_connected

    async def connect(self, take: TakeStep, answer: Answerer) -> None:
        """Connect, however long that takes, and listen. AgentError when the bus refuses this host."""
        host_id = self._joined.host_id
        while self._bus is None:
            try:
                self._bus = await Bus.connect(
                    self._joined.bus_url,
                    self._credentials,
                    host_id,
                    inbox_prefix=subjects.inbox_prefix(host_id),
                    on_reconnect=self._reconnected,
                    timeout=_CONNECT_SECONDS,
                    tls=self._tls,
                )
            except BusDown as down:
                log.warning("the bus cannot be reached, trying again: %s", down)
        try:
            await self._listen(self._bus, take, answer)
        except BusRefused as refused:
            await self._bus.close()
            raise AgentError(f"the bus refuses host {host_id}: {refused}; join again") from refused

    async def _listen(self, bus: Bus, take: TakeStep, answer: Answerer) -> None:
        async def work(message: BusMessage) -> None:
            try:
                request = decode_step_request(message.data)
            except msgspec.DecodeError as error:
                log.error("a step cannot be understood and is passed over (a newer controller?): %s", error)
                return
            take(request)

        async def ask(message: BusMessage) -> bytes:
            try:
                question = decode_ask(message.data)
            except msgspec.DecodeError as error:
                log.error("a question cannot be understood (a newer controller?): %s", error)
                return encode(Answer(error=StepError(code="unsupported", message=f"not understood: {error}")))
            return encode(await answer(question))

        await bus.subscribe(subjects.work(self._joined.cell, self._joined.host_id), work)
        await bus.subscribe(subjects.ask(self._joined.cell, self._joined.host_id), ask)

    async def _reconnected(self) -> None:
        self.outbox.try_now()
        self.on_reconnect()

    async def _send(self, data: bytes) -> bytes:
        if self._bus is None:
            raise BusDown("not connected yet")
        return await self._bus.request(self._report, data, _REPORT_SECONDS)

    async def metadata(self, server_id: str) -> GuestMetadata | None:
        """The newest metadata of a guest; None when nobody answers in time, or it is not ours."""
        if self._bus is None or not self._bus.is_connected:
            return None
        question = encode(MetadataQuestion(server_id=server_id))
        try:
            receipt = decode_receipt(await self._bus.request(self._report, question, _METADATA_SECONDS))
        except (BusError, msgspec.DecodeError) as error:
            log.info("no newer metadata of server %s: %s", server_id, error)
            return None
        return receipt.metadata

    async def close(self) -> None:
        await self.outbox.close()
        if self._bus is not None:
            bus, self._bus = self._bus, None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10.0):
                    await bus.close(within=2.0)
