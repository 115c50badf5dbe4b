"""Asking another service through its public API: in this process without a socket, or by URL.

Both ways look the same to the caller, so that a real Keystone, Glance or Neutron can stand where ours does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec

from kilonova_kit.errors import Unavailable
from kilonova_kit.logs import current_ids

#: Marks a call that came without a socket, in its ASGI scope.
INTERNAL = "kilonova.internal"

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class Reply(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None

    @property
    def ok(self) -> bool:
        return self.status < 400

    def message(self) -> str:
        """The neighbour's own words about what went wrong."""
        try:
            found = _first_message(self.json())
        except msgspec.DecodeError:
            found = None
        return found or f"HTTP {self.status}"


def _first_message(plain: Any) -> str | None:
    if isinstance(plain, dict):
        for name in ("message", "detail"):
            if isinstance(plain.get(name), str) and plain[name]:
                return str(plain[name]).strip().rpartition("\n\n")[2].strip()  # Placement says a general sentence first
        return next((found for value in plain.values() if (found := _first_message(value))), None)
    if isinstance(plain, list):
        return next((found for value in plain if (found := _first_message(value))), None)
    return None


class StreamedReply(msgspec.Struct, frozen=True):
    """An answer whose body comes piece by piece; ``close`` must be awaited when it is not read to its end."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Transport(Protocol):
    """A way to a service."""

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply: ...

    async def stream(self, method: str, path: str, headers: Mapping[str, str]) -> StreamedReply: ...

    async def close(self) -> None: ...


class InProcess:
    """A service in this process: its ASGI application is called without a socket. ``prefix`` is where it is mounted."""

    def __init__(self, application: Asgi, prefix: str, host: str = "localhost") -> None:
        self._application, self._prefix, self._host = application, prefix, host

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        status, answered, parts = 500, dict[str, str](), list[bytes]()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def deliver(message: Mapping[str, Any]) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], _plain_headers(message.get("headers", ()))
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._application(self._scope(method, path, headers, len(body)), receive, deliver)
        return Reply(status, answered, b"".join(parts))

    async def stream(self, method: str, path: str, headers: Mapping[str, str]) -> StreamedReply:
        """Run the call in a task of its own; a small queue between keeps a slow reader from filling memory."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=4)
        started: asyncio.Future[tuple[int, dict[str, str]]] = asyncio.get_running_loop().create_future()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def deliver(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.set_result((message["status"], _plain_headers(message.get("headers", ()))))
            elif message.get("body"):
                await queue.put(message["body"])

        async def run() -> None:
            try:
                await self._application(self._scope(method, path, headers, 0), receive, deliver)
            except Exception:
                await queue.put(None)
                raise
            await queue.put(None)  # not when cancelled: whoever read has gone, and nobody would make room

        task = asyncio.create_task(run())
        waiting: tuple[asyncio.Future[Any], ...] = (task, started)
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not started.done():
            raise Unavailable(f"{self._prefix} did not answer") from task.exception()
        status, answered = started.result()
        return StreamedReply(status, answered, _drain(queue, task))

    async def close(self) -> None:
        """Nothing to close."""

    def _scope(self, method: str, path: str, headers: Mapping[str, str], length: int) -> dict[str, Any]:
        parts = urlsplit(path)
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        pairs += [(b"host", self._host.encode()), (b"content-length", str(length).encode())]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": pairs,
            "client": ("127.0.0.1", 0),
            INTERNAL: True,
            "server": ("localhost", 80),
        }


def _plain_headers(pairs: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


async def _drain(queue: asyncio.Queue[bytes | None], task: asyncio.Task[None]) -> AsyncIterator[bytes]:
    try:
        while (chunk := await queue.get()) is not None:
            yield chunk
        await task
    finally:
        task.cancel()


class ByUrl:
    """A service elsewhere. Raises Unavailable when it cannot be reached within the time."""

    def __init__(self, url: str, *, timeout_seconds: float = 30.0, verify: bool | str = True) -> None:
        import httpx  # 80 ms to import, and most clouds never need it

        self._errors = httpx.HTTPError
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=timeout_seconds, verify=verify, trust_env=False)

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            reply = await self._client.request(method, self._url + path, headers=dict(headers), content=body)
        except self._errors as error:
            raise Unavailable(f"{self._url} cannot be reached: {error or type(error).__name__}") from error
        return Reply(reply.status_code, {k.lower(): v for k, v in reply.headers.items()}, reply.content)

    async def stream(self, method: str, path: str, headers: Mapping[str, str]) -> StreamedReply:
        request = self._client.build_request(method, self._url + path, headers=dict(headers))
        try:
            reply = await self._client.send(request, stream=True)
        except self._errors as error:
            raise Unavailable(f"{self._url} cannot be reached: {error or type(error).__name__}") from error

        async def chunks() -> AsyncIterator[bytes]:
            try:
                async for chunk in reply.aiter_bytes(256 * 1024):
                    yield chunk
            finally:
                await reply.aclose()

        return StreamedReply(reply.status_code, {k.lower(): v for k, v in reply.headers.items()}, chunks())

    async def close(self) -> None:
        await self._client.aclose()


#: Gives a valid token, from a cache or anew.
TokenSource = Callable[[], Awaitable[str]]


class ServiceClient:
    """JSON to and from a service. ``token`` speaks for the caller unless a request gives another."""

    def __init__(self, transport: Transport, token: TokenSource | None = None) -> None:
        self._transport, self._token = transport, token

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Reply:
        """Send one request; an answer of any status is returned. Raises Unavailable when there is none."""
        body = b"" if json is None else msgspec.json.encode(json)
        full = path + ("?" + urlencode(query, doseq=True) if query else "")
        return await self._transport.send(method, full, await self._headers(headers, token, json is not None), body)

    async def stream(self, path: str, *, token: str | None = None) -> StreamedReply:
        return await self._transport.stream("GET", path, await self._headers(None, token, False))

    async def _headers(self, given: Mapping[str, str] | None, token: str | None, has_body: bool) -> dict[str, str]:
        headers = {"Accept": "application/json", **(given or {})}
        if has_body:
            headers.setdefault("Content-Type", "application/json")
        if token is None and self._token is not None:
            token = await self._token()
        if token:
            headers["X-Auth-Token"] = token
        if request_id := current_ids().get("request_id"):  # so that the logs of all services join up
            headers.setdefault("X-OpenStack-Request-ID", request_id)
        return headers

    async def close(self) -> None:
        await self._transport.close()
