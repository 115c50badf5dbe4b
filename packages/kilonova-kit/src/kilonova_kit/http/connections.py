"""A client's connection: uvicorn's, with what it lacks.

- The head of an answer and its body leave in one write. uvicorn writes them one by one, and each write is a call of the
  kernel that also wakes the client.
- A request's head is waited for so long and no longer, and may have so many bytes: who sends a byte a minute, or a
  header without end, holds nothing for ever. (``slow_clients.py`` does the same for bodies.)
- A request that is there as a whole when it is begun is marked so: nobody must be waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: In an ASGI scope: the whole body has come.
WHOLE = "kilonova.whole"

#: How long a request's head is waited for, from its first byte or, for the first one, from the connection.
HEAD_SECONDS = 60.0
#: The most bytes of a head that comes in pieces. Tokens are far smaller; llhttp itself has no bound.
HEAD_BYTES = 64 * 1024
#: What waits to be written is written at once from this size on, bytes.
_ENOUGH = 64 * 1024

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class OneWrite:
    """A transport that writes what it is given in one turn of the loop at the end of that turn; else it is the same."""

    __slots__ = ("_loop", "_parts", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size >= _ENOUGH:
            self._flush()

    def writelines(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            self.write(part)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._parts:
            whole = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._parts, self._size = [], 0
            self._transport.write(whole)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(cast(asyncio.Transport, OneWrite(transport, self.loop)))
        self._in_head, self._head_size = False, 0
        self._patience: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._need_no_patience()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > HEAD_BYTES:
                self._refuse(_TOO_LARGE)
            elif self._patience is None:
                self._patience = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_size = False, 0
        if self._patience is not None:
            self._need_no_patience()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        cast(dict[str, Any], self.scope)[WHOLE] = True
        super().on_message_complete()

    def _need_no_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """Say why, if a request was begun; a client that never said anything is told nothing."""
        self._patience = None
        self._refuse(_TOO_SLOW if self._in_head else b"")

    def _refuse(self, answer: bytes) -> None:
        """Close, with an answer if none is on its way: the answers before this one in a pipeline must come first."""
        if self.transport.is_closing():
            return
        if answer and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(answer)
        self.transport.close()
