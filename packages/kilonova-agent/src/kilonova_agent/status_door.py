"""A small HTTP door for whoever watches the process: ``/healthz``, ``/readyz``, ``/metrics``. Nothing else, only GET.

It says nothing secret, but it is not for the world: listen on loopback or a management network.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from kilonova_kit.metrics import render

from kilonova_agent.errors import AgentError

_SECONDS = 10.0
_MOST_BYTES = 8 * 1024
_TEXT = "text/plain; charset=utf-8"
#: What is missing for the process to do its work, in words; empty when it is ready.
Missing = Callable[[], list[str]]


class StatusDoor:
    """Open from ``start`` to ``close``; ``listen`` is ``HOST:PORT``, an empty one keeps it shut."""

    def __init__(self, listen: str, missing: Missing) -> None:
        self._listen, self._missing = listen, missing
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it is open; 0 when it is not."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else 0

    async def start(self) -> None:
        """AgentError when the address cannot be listened on."""
        if not self._listen:
            return
        host, _, port = self._listen.rpartition(":")
        try:
            self._server = await asyncio.start_server(self._serve, host.strip("[]"), int(port), limit=_MOST_BYTES)
        except (OSError, ValueError) as error:
            raise AgentError(f"cannot listen on {self._listen!r} for health checks: {error}") from error

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head.split(b"\r\n", 1)[0].decode("latin-1")))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    def _answer(self, line: str) -> bytes:
        method, _, rest = line.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return _reply("405 Method Not Allowed", b"only GET\n")
        if path == "/healthz":
            return _reply("200 OK", b"ok\n")
        if path == "/readyz":
            missing = self._missing()
            return _reply("503 Service Unavailable" if missing else "200 OK", "\n".join(missing or ["ok"]).encode())
        if path == "/metrics":
            return _reply("200 OK", *render())
        return _reply("404 Not Found", b"there are /healthz, /readyz and /metrics\n")


def _reply(status: str, body: bytes, content_type: str = _TEXT) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
