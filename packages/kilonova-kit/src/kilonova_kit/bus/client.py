"""The bus as everybody uses it: one connection that never gives up.

    connecting --> connected --(server gone, cut off, expired)--> connecting ...      until close()

Each connection is a fresh nats-py client; a lost one is discarded, not mended, because nats-py ends for good on some
errors that a server sends (revoked, expired, too many connections). Subscriptions belong to the ``Bus`` and are made
again on every new connection, before ``is_connected`` turns true.

Messages are hints. ``publish`` never waits: without a connection, or when the server takes no more, the message is
dropped and counted. A ``request`` waits for a connection within its timeout, and fails at once when that is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence

from nats.aio.client import Client
from nats.errors import BadSubjectError, MaxPayloadError, NoServersError, SlowConsumerError, UnexpectedEOF
from nats.errors import Error as NatsError

from kilonova_kit.bus.credentials import Credentials
from kilonova_kit.bus.errors import BusDown, BusError, BusRefused, BusTimeout, MessageTooLarge
from kilonova_kit.bus.inbox import Inbox
from kilonova_kit.bus.subscriptions import Handler, Subscription
from kilonova_kit.metrics import counter

log = logging.getLogger(__name__)

_dropped = counter("kilonova_bus_dropped_total", "Messages dropped: no connection, no room, refused.", ("reason",))
_reconnects = counter("kilonova_bus_reconnects_total", "Connections made again after a loss.")

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 2.0
_DIAL_SECONDS = 10.0
#: A silent peer is given up after three of these.
_PING_SECONDS = 20
#: Bytes waiting for a server that does not read; below nats-py's own limit, at which it would block the sender.
_UNSENT_BYTES = 8 * 1024 * 1024
_HUNG_UP = (UnexpectedEOF, ConnectionResetError, BrokenPipeError)
_REFUSAL = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]+)\"")


class Bus:
    """A client of the bus; make it with ``Bus.connect``."""

    def __init__(
        self, url: str, credentials: Credentials, name: str, inbox_prefix: str, tls: ssl.SSLContext | None
    ) -> None:
        self.name = name
        self._url = url
        self._credentials = credentials
        self._tls = tls
        self._inbox_prefix = inbox_prefix or f"_INBOX.{name}"
        self._inbox = Inbox(self._inbox_prefix)
        self._subscriptions: dict[int, Subscription] = {}
        self._refused: set[str] = set()
        self._client: Client | None = None
        self._up = asyncio.Event()
        self._trouble = ""
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False
        self._callbacks: set[asyncio.Task[None]] = set()
        self._on_reconnect: Callable[[], Awaitable[None]] | None = None

    @classmethod
    async def connect(
        cls,
        url: str,
        credentials: Credentials,
        name: str,
        *,
        inbox_prefix: str = "",
        on_reconnect: Callable[[], Awaitable[None]] | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - the name everybody expects
        tls: ssl.SSLContext | None = None,
    ) -> Bus:
        """Connect, trying again for ``timeout`` seconds; then BusDown with the last reason.

        ``url`` may list several servers of a cluster, separated by commas. ``inbox_prefix`` is where answers come in
        (``_INBOX.<name>`` if not given); ``credentials`` must allow to subscribe below it. ``on_reconnect`` is called
        after each later connection, with all subscriptions live.
        """
        bus = cls(url, credentials, name, inbox_prefix, tls)
        bus._on_reconnect = on_reconnect
        bus._keeper = asyncio.create_task(bus._keep_connected(), name=f"bus {name}")
        try:
            async with asyncio.timeout(timeout):
                await bus._up.wait()
        except TimeoutError:
            await bus.close()
            raise BusDown(f"no bus at {url} within {timeout:g} s: {bus._trouble or 'no answer'}") from None
        except asyncio.CancelledError:
            await bus.close()
            raise
        return bus

    @property
    def is_connected(self) -> bool:
        """Connected, with all subscriptions live."""
        return self._up.is_set()

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty when there is one."""
        return "" if self.is_connected else self._trouble

    def renew(self, credentials: Credentials) -> None:
        """Use these from the next connection on."""
        self._credentials = credentials

    async def publish(self, subject: str, data: bytes) -> None:
        """Send a hint, at most once, without waiting. MessageTooLarge; ValueError on a malformed subject."""
        client = self._client
        if client is None or not client.is_connected:
            _dropped.labels("down").inc()
        elif client.pending_data_size + len(data) > _UNSENT_BYTES:
            _dropped.labels("no_room").inc()
        else:
            try:
                await _send(client, subject, data)
            except BusDown:
                _dropped.labels("down").inc()

    async def request(self, subject: str, data: bytes, timeout: float) -> bytes:  # noqa: ASYNC109 - as above
        """Send a question and wait for its answer. BusTimeout, NoResponders, BusDown, BusRefused, MessageTooLarge."""
        try:
            async with asyncio.timeout(timeout):
                await self._up.wait()
                return await self._ask(subject, data)
        except TimeoutError:
            if not self.is_connected:
                raise BusDown(f"no bus within {timeout:g} s: {self._trouble}") from None
            raise BusTimeout(f"no answer on {subject} within {timeout:g} s") from None

    async def _ask(self, subject: str, data: bytes) -> bytes:
        """Send a question over the connection that is there: an answer expected earlier would be lost by a vain try."""
        if self._client is None or self._client.pending_data_size + len(data) > _UNSENT_BYTES:
            raise BusDown("the bus takes no more messages")
        reply, answer = self._inbox.expect(subject)
        try:
            await _send(self._client, subject, data, reply)
            return await answer
        finally:
            self._inbox.forget(reply)

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "", at_once: int = 256) -> Subscription:
        """Call ``handler`` with each message on ``subject``, in a task of its own, at most ``at_once`` together.

        Of subscribers with the same ``queue`` one gets each message. What the handler returns is the reply. BusRefused
        when the credentials do not allow it; without a connection the subscription begins with the next one.
        """
        subscription = Subscription(subject, queue, handler, self.publish, at_once)
        key = id(subscription)
        self._subscriptions[key] = subscription
        subscription.forgotten = functools.partial(self._forget, key)
        client = self._client
        if client is not None:
            try:
                await self._attach(client, [subscription])
            except BadSubjectError:
                subscription.forgotten()
                raise ValueError(f"not a subject: {subject!r}") from None
            except (NatsError, OSError, TimeoutError) as problem:
                log.debug("subscribing to %s waits for the next connection: %s", subject, problem)
            if subject.lower() in self._refused:
                await subscription.close()
                raise BusRefused(f"not allowed to subscribe to {subject}")
        return subscription

    def _forget(self, key: int) -> None:
        self._subscriptions.pop(key, None)

    async def flush(self, within: float = 5.0) -> None:
        """Wait until the server has taken what was sent. BusDown."""
        if self._client is None:
            raise BusDown(self._trouble)
        try:
            async with asyncio.timeout(within):
                await _round_trip(self._client)
        except (NatsError, OSError, TimeoutError) as problem:
            raise BusDown(f"the bus does not answer: {problem}") from problem

    async def close(self, *, within: float = 5.0) -> None:
        """Drain: no new messages, running handlers and their replies finish (``within`` seconds), then disconnect."""
        await asyncio.gather(*(s.close(within=within) for s in list(self._subscriptions.values())))
        if self._client is not None:
            with contextlib.suppress(BusError):
                await self.flush(within)
        self._closing = True
        while self._keeper is not None and not self._keeper.done():
            self._keeper.cancel()  # more than once: nats-py forgets a cancellation in some of its waits
            await asyncio.wait([self._keeper], timeout=1.0)
        for task in list(self._callbacks):
            task.cancel()

    async def _keep_connected(self) -> None:
        pause, connections = _FIRST_PAUSE_SECONDS, 0
        while not self._closing:
            client, lost = Client(), asyncio.Event()
            try:
                if await self._dial(client, lost):
                    pause, connections = _FIRST_PAUSE_SECONDS, connections + 1
                    self._rise(client, connections)
                    await _until_lost(client, lost)
                    log.warning("bus %s: connection lost (%s); connecting again", self.name, self._trouble)
            finally:
                self._up.clear()
                self._client = None
                self._inbox.lose(f"the connection to the bus was lost: {self._trouble}")
                await _discard(client)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - only spreads the callers
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _dial(self, client: Client, lost: asyncio.Event) -> bool:
        """Connect and subscribe; False when that failed."""

        async def note_loss() -> None:
            lost.set()

        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                await self._connect_client(client, note_loss)
            self._refused.discard(self._inbox.subject.lower())
            await client.subscribe(self._inbox.subject, cb=self._inbox.take)
            await self._attach(client, list(self._subscriptions.values()))
        except (NatsError, OSError, TimeoutError) as problem:
            if not isinstance(problem, NoServersError):  # that one only says that the true reason came before it
                await self._note(problem)
            return False
        if self._inbox.subject.lower() in self._refused:
            self._trouble = f"these credentials may not read {self._inbox.subject}"
            return False
        return not client.is_closed

    async def _connect_client(self, client: Client, note_loss: Callable[[], Awaitable[None]]) -> None:
        await client.connect(
            self._url.split(","),
            name=self.name,
            user_jwt_cb=self._credentials.jwt_bytes,
            signature_cb=self._credentials.sign_nonce,
            inbox_prefix=self._inbox_prefix.encode(),
            tls=self._tls,
            error_cb=self._note,
            disconnected_cb=note_loss,
            closed_cb=note_loss,
            # One attempt per server, then this class takes over with its own pauses.
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=5,
            ping_interval=_PING_SECONDS,
            pending_size=2 * _UNSENT_BYTES,
        )

    async def _attach(self, client: Client, subscriptions: Sequence[Subscription]) -> None:
        for subscription in subscriptions:
            self._refused.discard(subscription.subject.lower())
            await subscription.attach(client)
        # The server answers in order: after this round trip every refusal has been noted.
        async with asyncio.timeout(_DIAL_SECONDS):
            await _round_trip(client)

    def _rise(self, client: Client, connections: int) -> None:
        self._client = client
        self._trouble = ""
        self._up.set()
        if connections == 1:
            return
        _reconnects.inc()
        log.info("bus %s: connected again", self.name)
        if self._on_reconnect is not None:
            task = asyncio.create_task(self._call(self._on_reconnect))
            self._callbacks.add(task)
            task.add_done_callback(self._callbacks.discard)

    async def _call(self, callback: Callable[[], Awaitable[None]]) -> None:
        try:
            await callback()
        except Exception:
            log.exception("bus %s: what was to be done after connecting again failed", self.name)

    async def _note(self, problem: Exception) -> None:
        """Everything nats-py reports comes through here, also what the server refuses."""
        if isinstance(problem, SlowConsumerError):
            _dropped.labels("slow_handler").inc()
            return
        text = str(problem) or type(problem).__name__
        refusal = _REFUSAL.search(text)
        if refusal is None:
            # The server says why and hangs up: what that looks like on the wire must not hide the reason.
            if not (self._trouble and isinstance(problem, _HUNG_UP)):
                self._trouble = text
            return
        log.error("bus %s: %s", self.name, text.removeprefix("nats: "))
        if refusal[1] == "subscription":
            self._refused.add(refusal[2])
        else:
            _dropped.labels("refused").inc()
            self._inbox.refuse(refusal[2])


async def _send(client: Client, subject: str, data: bytes, reply: str = "") -> None:
    try:
        await client.publish(subject, data, reply=reply)
    except MaxPayloadError:
        raise MessageTooLarge(f"{len(data)} bytes to {subject}: the bus takes {client.max_payload}") from None
    except BadSubjectError:
        raise ValueError(f"not a subject: {subject!r}") from None
    except (NatsError, OSError) as problem:
        raise BusDown(f"the bus is gone: {problem}") from problem


async def _round_trip(client: Client) -> None:
    """Wait until the server has taken, and answered, all that was sent before.

    Twice: nats-py writes the first PING past what still waits in its own buffer; the second comes behind that.
    """
    await client.flush()
    await client.flush()


async def _until_lost(client: Client, lost: asyncio.Event) -> None:
    """Wait for nats-py's word; look from time to time, as a failure while it closes can swallow the word."""
    while not lost.is_set() and not client.is_closed:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                await lost.wait()


async def _discard(client: Client) -> None:
    """End a client whatever state it is in; nothing it still has to say matters."""
    try:
        async with asyncio.timeout(2.0):
            await client.close()
    except (NatsError, OSError, TimeoutError, RuntimeError, AssertionError) as problem:
        log.debug("discarding a bus connection: %r", problem)
