"""One port for every service of this process, by prefix.

A prefix is cut off before a service sees the path. ``/healthz`` says that the process lives, ``/readyz`` that it can do
its work, ``/metrics`` is for Prometheus, and the root says what is there. Request bodies and answers stream through;
a client whose body does not come gets a 408.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import uvicorn

from kilonova_kit.errors import TooSlow
from kilonova_kit.http.client import Asgi
from kilonova_kit.http.connections import Connection
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.slow_clients import Receive, patient
from kilonova_kit.metrics import render

#: Says what is not ready, in words; empty when all is.
Readiness = Callable[[], Awaitable[list[str]]]


class FrontDoor:
    """The ASGI application of a process."""

    def __init__(self, ready: Readiness, version: str) -> None:
        self._edges: dict[str, Edge] = {}
        self._extra: dict[str, Asgi] = {}
        self._ready, self._version = ready, version

    def mount(self, edge: Edge) -> None:
        self._edges[edge.service.prefix] = edge

    def mount_application(self, prefix: str, application: Asgi) -> None:
        self._extra[prefix] = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._lead(scope, patient(scope, receive), send)
        except TooSlow as error:  # nothing was answered yet: a service that has begun answers it in its own words
            body = msgspec.json.encode({"error": {"code": error.status, "message": error.message}})
            await _send_all(send, error.status, "application/json", body, error.headers)

    async def _lead(self, scope: Any, receive: Receive, send: Any) -> None:
        prefix, below = _split(scope["path"])
        if edge := self._edges.get(prefix):
            rewritten = edge.service.rewrite(below) if edge.service.rewrite else below
            await edge.asgi({**scope, "path": rewritten, "raw_path": rewritten.encode()}, receive, send)
        elif application := self._extra.get(prefix):
            await application({**scope, "path": below, "raw_path": below.encode()}, receive, send)
        else:
            status, kind, body = await self._own(scope["path"])
            await _send_all(send, status, kind, body)

    async def _own(self, path: str) -> tuple[int, str, bytes]:
        if path == "/healthz":
            return 200, "text/plain", b"ok\n"
        if path == "/readyz":
            missing = await self._ready()
            return (503 if missing else 200), "text/plain", ("\n".join(missing or ["ready"]) + "\n").encode()
        if path == "/metrics":
            body, kind = render()
            return 200, kind, body
        if path in ("", "/"):
            return 200, "application/json", msgspec.json.encode(self._index())
        return 404, "application/json", msgspec.json.encode({"error": {"code": 404, "message": f"nothing at {path}"}})

    def _index(self) -> Mapping[str, Any]:
        services = {edge.service.name: prefix for prefix, edge in sorted(self._edges.items())}
        return {"kilonova": self._version, "services": services, "also": ["/healthz", "/readyz", "/metrics"]}


def _split(path: str) -> tuple[str, str]:
    """``/compute/v2.1/servers`` is the prefix ``/compute`` and the path ``/v2.1/servers``."""
    head, slash, tail = path[1:].partition("/")
    return "/" + head, slash + tail or "/"


async def _send_all(send: Any, status: int, kind: str, body: bytes, more: Mapping[str, str] | None = None) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in (more or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def make_server(
    application: Asgi, host: str, port: int, *, certificate: str | None = None, key: str | None = None
) -> uvicorn.Server:
    """A uvicorn server that runs inside the caller's loop: ``await server.serve()``."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        http=Connection,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    return uvicorn.Server(config)
