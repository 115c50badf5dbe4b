"""A PostgreSQL server of a test's own: its data in a temporary folder, on a free loopback port.

PostgreSQL refuses to run as root; then its own user ``postgres`` runs it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kilonova_kit.ids import new_hex_id


def binaries() -> Path | None:
    """Where the newest installed server's programs are; None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PostgresqlServer:
    """A running server; ``new_database`` gives the URL of an empty one."""

    def __init__(self, programs: Path, port: int) -> None:
        self._programs, self._port = programs, port

    def new_database(self) -> str:
        name = f"t{new_hex_id()}"
        _run(str(self._programs / "createdb"), "-h", "127.0.0.1", "-p", str(self._port), "-U", "kilonova", name)
        return f"postgresql+psycopg://kilonova@127.0.0.1:{self._port}/{name}"


@contextmanager
def running_postgresql(*, durable: bool = False) -> Iterator[PostgresqlServer]:
    """Start a server for as long as the block runs. Raises RuntimeError where PostgreSQL is not installed.

    ``durable``: a commit waits for the disk, as it does in earnest; for a benchmark.
    """
    programs = binaries()
    if programs is None:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="kilonova-postgresql-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        port, data = _free_port(), str(folder / "data")
        _run(str(programs / "initdb"), "-D", data, "-U", "kilonova", "-A", "trust", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=200"
        if not durable:
            options += " -c fsync=off"  # nothing here outlives the block
        control = (str(programs / "pg_ctl"), "-D", data, "-w")
        _run(*control, "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield PostgresqlServer(programs, port)
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(*command: str) -> None:
    if os.geteuid() == 0:
        command = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", timeout=120)
