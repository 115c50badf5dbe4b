"""A client that costs little: HTTP/1.1 on a few kept connections, so that a benchmark measures the cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec


class Reply(msgspec.Struct, frozen=True):
    """An answer. ``headers``: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body. Raises AssertionError for a refusal."""
        assert self.status < 400, f"{self.status} {self.body[:500]!r}"
        return msgspec.json.decode(self.body)


class Connection:
    """One kept connection; one request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        content = await reader.readexactly(int(told.get("content-length", 0)))
        return Reply(int(head[0].split()[1]), told, content)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


class Client:
    """Speaks as the administrator over at most ``connections`` connections."""

    def __init__(self, host: str, port: int, password: str, connections: int) -> None:
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        self._all = [Connection(host, port) for _ in range(connections)]
        for connection in self._all:
            self._idle.put_nowait(connection)
        self._password = password
        self._headers = {"Content-Type": "application/json", "OpenStack-API-Version": "compute 2.96"}

    async def sign_in(self) -> None:
        domain = {"id": "default"}
        user = {"name": "admin", "password": self._password, "domain": domain}
        scope = {"project": {"name": "admin", "domain": domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        wanted = {"auth": {"identity": identity, "scope": scope}}
        reply = await self.ask("POST", "/identity/v3/auth/tokens", wanted)
        self._headers["X-Auth-Token"] = reply.headers["x-subject-token"]

    async def ask(self, method: str, path: str, wanted: Any = None) -> Reply:
        connection = await self._idle.get()
        try:
            body = b"" if wanted is None else msgspec.json.encode(wanted)
            return await connection.ask(method, path, self._headers, body)
        finally:
            self._idle.put_nowait(connection)

    async def get(self, path: str) -> Any:
        return (await self.ask("GET", path)).json()

    async def send_file(self, path: str, data: bytes) -> None:
        """PUT bytes, as an image's file."""
        connection = Connection(self._all[0]._host, self._all[0]._port)
        headers = self._headers | {"Content-Type": "application/octet-stream"}
        reply = await connection.ask("PUT", path, headers, data)
        connection.close()
        assert reply.status < 400, reply.body

    def close(self) -> None:
        for connection in self._all:
            connection.close()
