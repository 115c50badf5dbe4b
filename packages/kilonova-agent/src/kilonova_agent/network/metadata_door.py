"""The door to the metadata service: listens on 169.254.169.254:80 in a router's namespace and asks the agent.

The agent cannot see which network a guest is on, so the door says it, with the guest's address, in headers of its own;
the same headers from a guest are thrown away. One request per connection, of known length, so that nothing a guest
writes can be taken for a second request. Guests keep only so many connections open, here and with the agent: the helper
needs its file descriptors for every other network.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from collections import Counter
from pathlib import Path

from kilonova_agent.network import names

NETWORK_HEADER = "X-Kilonova-Network"
ADDRESS_HEADER = "X-Forwarded-For"
_MAX_HEAD = 16 * 1024
_MAX_BODY = 64 * 1024
_SECONDS = 30
#: Connections of one network, and of all, that are served together; the next one is turned away.
MOST_OF_A_NETWORK, MOST = 32, 256
_DROPPED = {"connection", "keep-alive", "proxy-connection", "upgrade", "expect", "transfer-encoding", "forwarded"}
_DROPPED_PREFIXES = ("x-kilonova-", "x-forwarded-", "x-instance-", "x-tenant-", "x-metadata-")
#: What every reader of HTTP reads in the same way (RFC 9112, 3 and 5): no control characters anywhere.
_REQUEST_LINE = re.compile(r"[A-Z]{1,20} [!-~]+ HTTP/1\.[0-9]")
_HEADER_LINE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")
_log = logging.getLogger(__name__)


def listen() -> socket.socket:
    """A listening socket in the namespace of this thread."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind((names.METADATA_ADDRESS, names.METADATA_PORT))
    door.listen(128)
    door.setblocking(False)
    return door


def rewritten(head: bytes, network_id: str, address: str) -> tuple[bytes, int]:
    """The request's head as the agent shall see it, and the length of its body.

    ValueError: not a request that we forward (folded lines, a body of unknown length, no request line).
    """
    request, *lines = head.decode("latin-1").split("\r\n")
    if not _REQUEST_LINE.fullmatch(request):
        raise ValueError("no HTTP/1 request line")
    kept, length = [request.rpartition(" ")[0] + " HTTP/1.1"], 0
    for line in lines:
        name, _, value = line.partition(":")
        low = name.lower()
        if not _HEADER_LINE.fullmatch(line) or low == "transfer-encoding":
            raise ValueError(f"header {name[:40]!r} is not forwarded")
        if low in _DROPPED or low.startswith(_DROPPED_PREFIXES):
            continue
        if low == "content-length":
            length = _length(value, length)
            continue
        kept.append(line)
    kept += [f"{NETWORK_HEADER}: {network_id}", f"{ADDRESS_HEADER}: {address}", "Connection: close"]
    if length:
        kept.append(f"Content-Length: {length}")
    return ("\r\n".join(kept) + "\r\n\r\n").encode("latin-1"), length


def _length(value: str, before: int) -> int:
    digits = value.strip()
    if before or not digits.isdigit() or int(digits) > _MAX_BODY:
        raise ValueError("a body of this length is not forwarded")
    return int(digits)


class MetadataDoors:
    """The open doors, one per network."""

    def __init__(self, upstream: Path) -> None:
        self._upstream = upstream
        self._servers: dict[str, asyncio.Server] = {}
        #: Network id -> its connections that are being served.
        self._serving: Counter[str] = Counter()

    async def open(self, network_id: str, door: socket.socket) -> None:
        await self.close(network_id)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(network_id, reader, writer)

        self._servers[network_id] = await asyncio.start_server(serve, sock=door, limit=_MAX_HEAD)

    def is_open(self, network_id: str) -> bool:
        return network_id in self._servers

    async def close(self, network_id: str) -> None:
        if server := self._servers.pop(network_id, None):
            server.close()

    async def _serve(self, network_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._serving[network_id] >= MOST_OF_A_NETWORK or self._serving.total() >= MOST:
            writer.transport.abort()  # not even a word: whoever asks so much may not read it
            return
        self._serving[network_id] += 1
        try:
            await self._serve_one(network_id, reader, writer)
        finally:
            self._serving[network_id] -= 1
            if not self._serving[network_id]:
                del self._serving[network_id]

    async def _serve_one(self, network_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("peername")[0]
        try:
            async with asyncio.timeout(_SECONDS):
                await self._forward(network_id, address, reader, writer)
        except (ValueError, asyncio.LimitOverrunError):
            await _answer(writer, "400 Bad Request")
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            _log.info("metadata request of %s on network %s: %r", address, network_id, error)
            await _answer(writer, "503 Service Unavailable")
        finally:
            writer.close()

    async def _forward(
        self, network_id: str, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
        rewritten_head, length = rewritten(head, network_id, address)
        body = await reader.readexactly(length)
        answer, question = await asyncio.open_unix_connection(str(self._upstream))
        try:
            question.write(rewritten_head + body)
            while chunk := await answer.read(65536):
                writer.write(chunk)
                await writer.drain()
        finally:
            question.close()


async def _answer(writer: asyncio.StreamWriter, status: str) -> None:
    """A short answer of our own; the guest may be gone already."""
    with contextlib.suppress(OSError):
        body = f"{status}\n"
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write((head + body).encode())
        await writer.drain()
