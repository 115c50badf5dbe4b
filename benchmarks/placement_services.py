"""Both placements as processes: ours by ``kilonova placement``, the real one from PyPI under gunicorn.

The real one asks nobody whose a token is (``noauth2``); ours asks an identity service, here one that says yes to all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
from measured_cloud import KILONOVA, cpu_seconds, descendants, free_port, pss_mb
from wire import Connection

_REAL = ("openstack-placement==16.0.0", "gunicorn", "psycopg2-binary")
#: The one that bin/test installs where the machine has none.
_OWN_UV = Path(__file__).resolve().parent.parent / ".tools/uv/bin/uv"
_READY_SECONDS = 120.0


class Service(NamedTuple):
    """A running placement. ``below``: the path in front of the API's own paths."""

    name: str
    port: int
    below: str
    pid: int
    ready_seconds: float

    def connection(self) -> Connection:
        return Connection("127.0.0.1", self.port)

    def cpu_seconds(self) -> float:
        """Of the service and its workers, without the database's."""
        return sum(cpu_seconds(pid) for pid in (self.pid, *descendants(self.pid)))

    def memory_mb(self) -> float:
        return sum(pss_mb(pid) for pid in (self.pid, *descendants(self.pid)))


@contextlib.asynccontextmanager
async def any_identity() -> AsyncIterator[str]:
    """The URL of an identity service to which every token is an administrator's."""
    body = msgspec.json.encode(
        {
            "token": {
                "user": {"id": "benchmark", "name": "benchmark", "domain": {"id": "default"}},
                "project": {"id": "benchmark", "name": "benchmark", "domain": {"id": "default"}},
                "roles": [{"name": "admin"}],
                "expires_at": "2100-01-01T00:00:00.000000Z",
            }
        }
    )
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def ours(url: str, identity: str) -> AsyncIterator[Service]:
    """``kilonova placement`` on this database."""
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="kilonova-bench-"))
    words = ["placement", "--data", str(folder), "--listen", f"127.0.0.1:{port}", "--database", url]
    command = [str(KILONOVA), *words, "--identity", identity, "--log-level", "warning"]
    try:
        async with _running(command, port, "/healthz", dict(os.environ)) as (pid, seconds):
            yield Service("kilonova placement", port, "/placement", pid, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install_real() -> Path:
    """An environment of its own with the real service, made once. Returns its folder of programs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "kilonova" / f"real-{_REAL[0].replace('==', '-')}"
    if not (folder / "installed").exists():
        uv = shutil.which("uv") or str(_OWN_UV)
        subprocess.run([uv, "venv", "--quiet", "--clear", str(folder)], check=True)
        pip = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python")]
        subprocess.run([*pip, *_REAL], check=True)
        (folder / "installed").touch()
    return folder / "bin"


def _real_settings(url: str, folder: Path) -> dict[str, str]:
    """Its settings, as environment variables (oslo.config) beside an empty file. The first start makes the tables."""
    (folder / "placement.conf").touch()
    return {
        "PATH": os.environ["PATH"],
        "OS_PLACEMENT_CONFIG_DIR": str(folder),
        "OS_PLACEMENT_DATABASE__CONNECTION": url.replace("+psycopg:", "+psycopg2:"),  # it knows no newer one
        "OS_PLACEMENT_DATABASE__SYNC_ON_STARTUP": "true",
        "OS_API__AUTH_STRATEGY": "noauth2",
    }


@contextlib.asynccontextmanager
async def real(url: str, workers: int = 2) -> AsyncIterator[Service]:
    """openstack-placement on this database, with a worker per core of a small machine."""
    programs, port = install_real(), free_port()
    with tempfile.TemporaryDirectory(prefix="kilonova-bench-") as folder:
        environment = _real_settings(url, Path(folder))
        command = [str(programs / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
        command += ["--threads", "8", "--timeout", "600", "--log-level", "error", "placement.wsgi.api"]
        async with _running(command, port, "/", environment) as (pid, seconds):
            yield Service("openstack-placement", port, "", pid, seconds)


@contextlib.asynccontextmanager
async def _running(
    command: list[str], port: int, path: str, environment: dict[str, str]
) -> AsyncIterator[tuple[int, float]]:
    """A process and how long it took until it answered; ended by its pid, with all it started."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = _start(command, environment, log)
        try:
            while not await _answers(port, path):
                assert process.poll() is None, _said(log)
                assert time.monotonic() - started < _READY_SECONDS, _said(log)
                await asyncio.sleep(0.02)
            yield process.pid, time.monotonic() - started
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(process.wait, 10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _start(command: list[str], environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)


def _said(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")[-3000:]


async def _answers(port: int, path: str) -> bool:
    connection = Connection("127.0.0.1", port)
    try:
        return (await connection.ask("GET", path, {})).status == 200
    except (OSError, asyncio.IncompleteReadError):
        return False
    finally:
        connection.close()
