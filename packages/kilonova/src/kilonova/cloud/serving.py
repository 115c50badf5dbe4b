"""The port of a process: started when it answers, ended when nobody waits for an answer any more."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudState


def check_address(state: CloudState) -> None:
    """Say it now when the port is taken, and by what name it was asked for. Raises CloudError."""
    try:
        host, port = state.address
    except ValueError:
        raise CloudError(f"--listen {state.listen}: write HOST:PORT, for example 127.0.0.1:8774") from None
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CloudError(
                f"cannot listen on {state.listen}: {error.strerror}; choose another with --listen"
            ) from error


def check_tls(state: CloudState) -> None:
    """Raises CloudError when only half of what TLS needs was said."""
    if bool(state.certificate) != bool(state.key):
        raise CloudError("TLS needs both --tls-certificate and --tls-key")


async def start_serving(application: Any, state: CloudState) -> Callable[[], Awaitable[None]]:
    """Answer at the state's address; returns what ends it."""
    from kilonova_kit.http.serving import make_server  # the HTTP server takes long to import, and checks need it not

    host, port = state.address
    server = make_server(application, host, port, certificate=state.certificate or None, key=state.key or None)
    serving = asyncio.create_task(server.serve(), name="http")
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.01)

    async def end() -> None:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)

    return end
