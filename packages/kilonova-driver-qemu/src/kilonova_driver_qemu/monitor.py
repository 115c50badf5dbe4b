"""One QMP connection to one QEMU process, over the driver's own monitor socket.

The sockets lie in directories whose names may be longer than a socket address can hold (107 bytes), so both ends
name them through ``/proc/self/fd``. QEMU serves one client per monitor: a second one waits until the first is gone.

Time limits are ``asyncio.timeout``, never ``wait_for``: that one, in Python 3.11, forgets a cancellation that comes
together with the answer, and a task that was told to end would go on for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from kilonova_driver.errors import Internal, Transient
from qemu.qmp import EventListener, ExecuteError, QMPClient, QMPError

#: How long QEMU may take to answer one command.
ANSWER_SECONDS = 20.0
HANG_UP_SECONDS = 5.0

# The library reports every lost connection as an error of its own; a guest that ends is no error here.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)


@contextlib.contextmanager
def _short_name(path: Path) -> Iterator[str]:
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def listen(path: Path) -> socket.socket:
    """Make a listening unix socket (mode 0600) that a process can inherit; replaces an old one."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short_name(path) as name:
            server.bind(name)
        path.chmod(0o600)
        server.listen(4)
    except OSError:
        server.close()
        raise
    return server


def _dial(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.setblocking(False)
    try:
        with _short_name(path) as name:
            client.connect(name)
    except OSError:
        client.close()
        raise
    return client


class Monitor:
    """A live connection. Every failure is Transient (the process may still be ending) or Internal (it refused)."""

    def __init__(self, client: QMPClient, listener: EventListener) -> None:
        self._client = client
        self._listener = listener
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, path: Path, seconds: float) -> Monitor:
        """Connect and negotiate. Raises Transient when nobody answers in time. Not to be cancelled: see ``close``."""
        client, listener = QMPClient(path.parent.name), EventListener()
        client.register_listener(listener)
        try:
            async with asyncio.timeout(seconds):
                await client.connect(_dial(path))
        except (QMPError, OSError, TimeoutError) as error:
            await _hang_up(client)
            raise Transient(f"QEMU does not answer on {path.name}: {error or 'no answer in time'}") from error
        return cls(client, listener)

    async def ask(self, command: str, arguments: dict[str, object] | None = None) -> Any:
        """Run one command and give its answer. Raises Internal with QEMU's own words, Transient when it is gone."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._client.execute(command, arguments)
        except ExecuteError as error:
            raise Internal(f"QEMU refused {command}: {error}") from error
        except TimeoutError as error:
            raise Transient(f"QEMU has not answered {command} within {ANSWER_SECONDS:g} seconds") from error
        except (QMPError, OSError, EOFError) as error:
            raise Transient(f"QEMU is gone: {error}") from error

    async def status(self) -> str:
        """Give QEMU's run state: running, paused, shutdown, io-error, ..."""
        return str((await self.ask("query-status"))["status"])

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Give QEMU's events until the connection ends."""
        while self._client.runstate.name == "RUNNING":
            event = asyncio.ensure_future(self._listener.get())
            change = asyncio.ensure_future(self._client.runstate_changed())
            try:
                await asyncio.wait((event, change), return_when=asyncio.FIRST_COMPLETED)
                if event.done():
                    yield dict(event.result())
            finally:
                event.cancel()
                change.cancel()

    async def close(self) -> None:
        """Hang up; may be called again, and waits then for the first call's work."""
        if self._closing is None:
            self._closing = asyncio.create_task(_hang_up(self._client))
        # The library must not be cancelled in the middle of this, or it leaves errors that nobody fetches.
        await asyncio.shield(self._closing)


async def _hang_up(client: QMPClient) -> None:
    # disconnect() raises whatever ended the connection before: at this point that is of no interest.
    with contextlib.suppress(QMPError, OSError, EOFError, TimeoutError):
        async with asyncio.timeout(HANG_UP_SECONDS):
            await client.disconnect()
