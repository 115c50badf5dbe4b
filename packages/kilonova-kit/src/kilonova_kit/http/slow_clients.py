"""Request bodies are waited for as long as they come: who sends nothing, or a byte a minute, holds nothing for ever.

Only the time in which we wait for the client counts, not what is spent on the bytes that it has sent: an upload may
take hours, and its disk may be slow, as long as it makes progress.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kilonova_kit.errors import TooSlow
from kilonova_kit.http.connections import WHOLE

#: How long any next piece of a body, and the whole of a small one, is waited for.
PATIENCE_SECONDS = 60.0
#: How fast a body must come beyond that, on the whole: bytes a second of waiting for it.
LEAST_RATE = 1024.0

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


def patient(scope: Any, receive: Receive) -> Receive:
    """An ASGI ``receive`` that raises TooSlow when the body of the request does not come."""
    if scope.get(WHOLE):
        return receive
    if any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]):
        return _Body(receive).receive
    return receive


class _Body:
    """One request's body on its way in."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._waited, self._size, self._is_whole = 0.0, 0, False

    async def receive(self) -> MutableMapping[str, Any]:
        if self._is_whole:  # what is waited for now is the client's going away
            return await self._receive()
        clock = asyncio.get_running_loop().time
        began, left = clock(), PATIENCE_SECONDS + self._size / LEAST_RATE - self._waited
        try:
            async with asyncio.timeout(min(left, PATIENCE_SECONDS)):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow("The request body did not come in time.") from None
        self._waited += clock() - began
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        return message
