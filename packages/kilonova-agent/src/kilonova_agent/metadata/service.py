"""The metadata service: HTTP on a unix socket, asked by the doors in the routers' namespaces.

Who asks is known by the network and the address that the door writes down (guests cannot: the door drops such headers,
and anti-spoofing makes the address true). Only this agent's user may open the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import falcon
import falcon.asgi
import uvicorn
from kilonova_messages.wishes import GuestMetadata, PortWiring

from kilonova_agent.metadata import answers
from kilonova_agent.network.metadata_door import ADDRESS_HEADER, NETWORK_HEADER

#: (network id, address) -> the guest that has this address on that network.
Lookup = Callable[[str, str], Awaitable[GuestMetadata | None]]
#: server id -> its ports, for ``network_data.json``.
PortsOf = Callable[[str], Awaitable[tuple[PortWiring, ...]]]
#: (server id, encrypted password) that a guest posted for its owner.
KeepPassword = Callable[[str, str], Awaitable[None]]
_MAX_PASSWORD = 4 * 255
_NOT_FOUND = """<html>
 <head>
  <title>404 Not Found</title>
 </head>
 <body>
  <h1>404 Not Found</h1>
  The resource could not be found.<br /><br />


 </body>
</html>"""


async def no_ports(_server_id: str) -> tuple[PortWiring, ...]:
    return ()


async def forget_password(_server_id: str, _password: str) -> None:
    """For an agent that hands passwords to nobody: the service itself shows them until it ends."""


_Application = falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]


class MetadataService:
    """Serves ``lookup``'s guests on a unix socket from ``start`` to ``close``."""

    def __init__(
        self,
        lookup: Lookup,
        *,
        socket_path: Path,
        ports_of: PortsOf = no_ports,
        keep_password: KeepPassword = forget_password,
        logger: logging.Logger | None = None,
    ) -> None:
        self._lookup, self._ports_of, self._keep_password = lookup, ports_of, keep_password
        self._socket_path = socket_path
        self._logger = logger or logging.getLogger(__name__)
        self._passwords: dict[str, str] = {}
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    def application(self) -> _Application:
        application = _Application()
        application.add_sink(self._handle, "/")
        return application

    async def start(self) -> None:
        listener = _listen(self._socket_path)
        config = uvicorn.Config(
            self.application(), log_config=None, access_log=False, lifespan="off", server_header=False, ws="none"
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="metadata")

    async def close(self) -> None:
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        await self._task
        self._server = self._task = None
        self._socket_path.unlink(missing_ok=True)

    async def _handle(self, req: falcon.asgi.Request, resp: falcon.asgi.Response | None, **_match: str | None) -> None:
        assert resp is not None
        await self._answer(req, resp)

    async def _answer(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        network, address = request.get_header(NETWORK_HEADER), request.get_header(ADDRESS_HEADER)
        guest = await self._lookup(network, address) if network and address else None
        if guest is None:
            self._logger.info("no guest has address %s on network %s", address, network)
            _not_found(response)
            return
        path = answers.parts(request.path)
        if answers.is_password(path):
            await self._password(guest, request, response)
        elif request.method not in ("GET", "HEAD"):
            response.status = falcon.HTTP_405
        else:
            ports = await self._ports_of(guest.server_id)
            _give(response, answers.answer(guest, ports, address or "", path))

    async def _password(
        self, guest: GuestMetadata, request: falcon.asgi.Request, response: falcon.asgi.Response
    ) -> None:
        """A guest may tell its owner an encrypted password, once (Nova API reference, "os-server-password")."""
        if request.method == "GET":
            _give(response, answers.Answer(self._passwords.get(guest.server_id, "").encode()))
            return
        if request.method != "POST":
            response.status = falcon.HTTP_400
            return
        posted = await request.bounded_stream.read(_MAX_PASSWORD + 1)
        if self._passwords.get(guest.server_id):
            response.status = falcon.HTTP_409
        elif len(posted) > _MAX_PASSWORD or not posted.isascii():
            response.status = falcon.HTTP_400
        else:
            await self._keep_password(guest.server_id, posted.decode())
            self._passwords[guest.server_id] = posted.decode()


def _give(response: falcon.asgi.Response, found: answers.Answer | None) -> None:
    if found is None:
        _not_found(response)
        return
    response.data, response.content_type = found.body, found.media_type


def _not_found(response: falcon.asgi.Response) -> None:
    response.status, response.content_type = falcon.HTTP_404, "text/html; charset=UTF-8"
    response.text = _NOT_FOUND


def _listen(path: Path) -> socket.socket:
    """A unix socket only for this user; one that an earlier agent left behind is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener


class _Server(uvicorn.Server):
    """uvicorn takes over a process's signals, which are the agent's: this one leaves them alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
