"""What answers a guest's questions: the application behind the metadata service's socket, and the server that runs it.

Only ``service.py`` loads this file, with its first question: the HTTP libraries take 9 MB.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import falcon
import falcon.asgi
import uvicorn
from kilonova_messages.wishes import GuestMetadata

from kilonova_agent.metadata import answers
from kilonova_agent.metadata.askers import KeepPassword, Lookup, PortsOf
from kilonova_agent.network.metadata_door import ADDRESS_HEADER, NETWORK_HEADER

_log = logging.getLogger("kilonova_agent.metadata.service")
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


_Application = falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]


class _Answers:
    def __init__(self, lookup: Lookup, ports_of: PortsOf, keep_password: KeepPassword) -> None:
        self._lookup, self._ports_of, self._keep_password = lookup, ports_of, keep_password
        self._passwords: dict[str, str] = {}

    async def handle(self, req: falcon.asgi.Request, resp: falcon.asgi.Response | None, **_match: str | None) -> None:
        assert resp is not None
        await self._answer(req, resp)

    async def _answer(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        network, address = request.get_header(NETWORK_HEADER), request.get_header(ADDRESS_HEADER)
        guest = await self._lookup(network, address) if network and address else None
        if guest is None:
            _log.info("no guest has address %s on network %s", address, network)
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


class _Server(uvicorn.Server):
    """uvicorn takes over a process's signals, which are the agent's: this one leaves them alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(lookup: Lookup, ports_of: PortsOf, keep_password: KeepPassword) -> uvicorn.Server:
    """A server that waits for its socket."""
    application = _Application()
    application.add_sink(_Answers(lookup, ports_of, keep_password).handle, "/")
    return _Server(
        uvicorn.Config(application, log_config=None, access_log=False, lifespan="off", server_header=False, ws="none")
    )
