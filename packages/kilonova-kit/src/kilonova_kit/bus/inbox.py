"""Requests in flight: each waits for one answer on a subject of its own below this client's inbox.

One wildcard subscription takes all answers. What cannot be answered any more (connection lost, refused) fails at once
instead of running into its timeout.
"""

from __future__ import annotations

import asyncio
import secrets

from nats.aio.msg import Msg

from kilonova_kit.bus.errors import BusDown, BusError, BusRefused, NoResponders

_STATUS = "Status"
_NOBODY_LISTENS = "503"


class Inbox:
    """The answers that this client still waits for."""

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}.{secrets.token_hex(8)}"
        self._waiting: dict[str, tuple[str, asyncio.Future[bytes]]] = {}
        self._count = 0

    @property
    def subject(self) -> str:
        """What to subscribe to."""
        return self._prefix + ".*"

    def __len__(self) -> int:
        return len(self._waiting)

    def expect(self, subject: str) -> tuple[str, asyncio.Future[bytes]]:
        """The reply subject for a request to ``subject``, and its answer to come; ``forget`` it afterwards."""
        self._count += 1
        reply = f"{self._prefix}.{self._count}"
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = (subject, answer)
        return reply, answer

    def forget(self, reply: str) -> None:
        _, answer = self._waiting.pop(reply)
        if answer.done() and not answer.cancelled():
            answer.exception()  # seen, also where the one who waited was cancelled in the same moment

    async def take(self, message: Msg) -> None:
        """An answer has come; one that nobody waits for any more is dropped."""
        subject, answer = self._waiting.get(message.subject, ("", None))
        if answer is None or answer.done():
            return
        if message.headers and message.headers.get(_STATUS) == _NOBODY_LISTENS:
            answer.set_exception(NoResponders(f"nobody listens on {subject}"))
        else:
            answer.set_result(message.data)

    def refuse(self, lower_subject: str) -> None:
        """The server has refused a message to that subject, which it names in lower case."""
        self._fail(BusRefused(f"not allowed to publish to {lower_subject}"), lower_subject)

    def lose(self, reason: str) -> None:
        """The connection is gone: no answer comes any more."""
        self._fail(BusDown(reason), None)

    def _fail(self, problem: BusError, lower_subject: str | None) -> None:
        for subject, answer in self._waiting.values():
            if not answer.done() and lower_subject in (None, subject.lower()):
                answer.set_exception(type(problem)(*problem.args))
