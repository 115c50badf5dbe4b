"""The metadata service: HTTP on a unix socket, asked by the doors in the routers' namespaces.

Who asks is known by the network and the address that the door writes down (guests cannot: the door drops such headers,
and anti-spoofing makes the address true). Only this agent's user may open the socket.
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from kilonova_agent.metadata.askers import KeepPassword, Lookup, PortsOf, forget_password, no_ports

if TYPE_CHECKING:
    import uvicorn


class MetadataService:
    """Serves ``lookup``'s guests on a unix socket from ``start`` to ``close``.

    What answers is loaded with the first question: most hosts' agents are asked rarely, and some never.
    """

    def __init__(
        self,
        lookup: Lookup,
        *,
        socket_path: Path,
        ports_of: PortsOf = no_ports,
        keep_password: KeepPassword = forget_password,
    ) -> None:
        self._lookup, self._ports_of, self._keep_password = lookup, ports_of, keep_password
        self._socket_path = socket_path
        self._listener: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._listener = _listen(self._socket_path)
        asyncio.get_running_loop().add_reader(self._listener, self._first_question, self._listener)

    def _first_question(self, listener: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(listener)
        self._task = asyncio.create_task(self._serve(listener), name="metadata")

    async def _serve(self, listener: socket.socket) -> None:
        server = await asyncio.to_thread(self._make_server)
        if self._listener is listener:  # not closed meanwhile
            self._server = server
            await server.serve(sockets=[listener])

    def _make_server(self) -> uvicorn.Server:
        from kilonova_agent.metadata.application import make_server

        return make_server(self._lookup, self._ports_of, self._keep_password)

    async def close(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        asyncio.get_running_loop().remove_reader(listener)
        if self._server is not None:
            self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._server = self._task = None
        listener.close()
        self._socket_path.unlink(missing_ok=True)


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
    listener.listen(128)
    listener.setblocking(False)
    return listener
