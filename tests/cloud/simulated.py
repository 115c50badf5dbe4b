"""A whole cloud with simulated hosts, started with the real ``kilonova up`` in a folder of its own.

    with SimulatedCloud(tmp_path, hosts=4, cells=2) as cloud:
        server = cloud.demo.create_active("web")
        cloud.host(server.host).control.fail_next("set_power", "transient")

Processes are known by the notes in the cloud's folder (pid and start time), and only those are signalled.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec
from cloud.client import Client, access_of
from cloud.images import write_small_qcow2
from cloud.ports import free_port
from cloud.waiting import wait_until
from kilonova.cloud.folder import CloudFolder
from kilonova_driver.types.guests import GuestSpec, Power
from kilonova_driver_fake.control import USES_FILE, FakeControl, Use, read_lines
from kilonova_driver_fake.journal import newest_file, read_entries
from kilonova_driver_fake.records import Record, Removed
from kilonova_kit.processes import ProcessMark, read_mark, wait_gone

Part = Literal["controller", "agent", "nats"]
PARTS: tuple[Part, ...] = ("controller", "agent", "nats")
_KILONOVA = [sys.executable, "-m", "kilonova"]


class CloudDidNotStart(AssertionError):
    """The words of the command."""


class SimulatedHost:
    """One simulated host of a cloud: its name, where its agent keeps things, and the way to let it fail."""

    def __init__(self, name: str, data: Path) -> None:
        self.name, self.data = name, data
        self.control = FakeControl(data / "driver")

    def has_misbehaved_with(self, guest_id: str) -> bool:
        return any(use.guest_id == guest_id for use in read_lines(self.data / "driver" / USES_FILE, Use))

    def specs(self) -> dict[str, GuestSpec]:
        """What the driver was told of the guests that it has."""
        entries = read_entries(newest_file(self.data / "driver"))
        return {entry.guest_id: entry.spec for entry in entries if isinstance(entry, Record)}

    def guests(self) -> dict[str, Power]:
        """The guests in the driver's own journal, read from the disk, with their power."""
        found: dict[str, Power] = {}
        with contextlib.suppress(FileNotFoundError):  # it was just compacted into a newer file: the caller looks again
            for entry in read_entries(newest_file(self.data / "driver")):
                if isinstance(entry, Removed):
                    found.pop(entry.guest_id, None)
                else:
                    found[entry.guest_id] = entry.power
        return found


class SimulatedCloud:
    """See the module's docstring. ``host_file``: each host's ``host.toml``. ``options``: further words for ``up``."""

    def __init__(
        self,
        root: Path,
        *,
        hosts: int = 4,
        cells: int = 2,
        driver_options: Mapping[str, str] | None = None,
        host_file: str = "",
        options: Sequence[str] = (),
        image: Path | None = None,
    ) -> None:
        self.root, self.hosts, self.cells = root, hosts, cells
        self.folder = CloudFolder(root / "cloud")
        self.witness = root / "witness"
        self.port = free_port()
        self._driver_options = {"witness_dir": str(self.witness), **(driver_options or {})}
        self._host_file = host_file
        self._options = tuple(options)
        self._image = image

    def __enter__(self) -> Self:
        self.prepare()
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    # --- starting and ending

    def prepare(self) -> None:
        """The folders of the hosts, with settings that let tests go quickly: hosts speak often."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._image = self._image or write_small_qcow2(self.root / "tiny.qcow2")
        self.folder.make()
        for name in self.host_names:
            self.write_agent_settings(self.folder.host(name), self._driver_options)
            if self._host_file:
                (self.folder.host(name) / "host.toml").write_text(self._host_file)

    @staticmethod
    def write_agent_settings(data: Path, driver_options: Mapping[str, str], **settings: float | str) -> None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines: dict[str, Any] = {"heartbeat_seconds": 0.4, **settings}
        text = "".join(f"{key} = {_toml(value)}\n" for key, value in lines.items())
        text += "".join(["[driver_options]\n", *(f"{key} = {_toml(value)}\n" for key, value in driver_options.items())])
        (data / "agent.toml").write_text(text)

    @property
    def host_names(self) -> list[str]:
        from kilonova.cloud.agents import host_names
        from kilonova.cloud.folder import CloudState

        return host_names(CloudState(hosts=self.hosts)) if self.hosts else []

    @property
    def url(self) -> str:
        return self.folder.state().url

    def command(self, *words: str, within: float = 240.0) -> subprocess.CompletedProcess[str]:
        """Run ``kilonova`` with these words, as a person would."""
        return subprocess.run(
            [*_KILONOVA, *words], capture_output=True, text=True, timeout=within, check=False, cwd=self.root
        )

    def up(self, *words: str) -> None:
        """Start it, or start it again: returns when it is ready. Raises CloudDidNotStart."""
        said = [*("--driver", "fake", "--hosts", str(self.hosts), "--cells", str(self.cells)), *self._options]
        done = self.command(
            *("up", "--detach", "--data", str(self.folder.root), "--listen", f"127.0.0.1:{self.port}"),
            *("--image", str(self._image), *said, *words),
        )
        if done.returncode != 0:
            raise CloudDidNotStart(done.stdout + done.stderr + self.log("controller")[-3000:])

    def down(self) -> None:
        """End it as a person would, guests first."""
        done = self.command("down", "--data", str(self.folder.root))
        assert done.returncode == 0, done.stdout + done.stderr

    def end(self) -> None:
        """End whatever is left of it, by pid; for after a test."""
        if "admin" in self.__dict__:
            self.admin.close()
        if "demo" in self.__dict__:
            self.demo.close()
        for part in PARTS:
            self.kill(part)

    # --- its processes

    def processes(self, part: Part) -> list[ProcessMark]:
        """The living processes of a part, known by pid and start time."""
        if part == "controller":
            found = [read_mark(self.folder.run / "controller.json")]
        elif part == "agent":
            found = [read_mark(path) for path in sorted(self.folder.run.glob("agent-*.json"))]
        else:
            found = [read_mark(self.folder.root / "nats" / "nats.pid")]
        return [note for note in found if note is not None]

    def kill(self, part: Part) -> list[int]:
        """Kill a part with signal 9; the pids that are gone when this returns."""
        notes = self.processes(part)
        for note in notes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(note.pid, signal.SIGKILL)
        for note in notes:
            assert wait_gone(note, 20.0), f"process {note.pid} does not die"
        return [note.pid for note in notes]

    def wait_back(self, part: Part, killed: Sequence[int]) -> None:
        """Wait until a part that was killed lives again in new processes, and all is ready."""
        wait_until(f"{part} to come back", lambda: self._lives(part, killed))
        self.wait_ready()

    def _lives(self, part: Part, killed: Sequence[int]) -> bool:
        living = [note.pid for note in self.processes(part)]
        return bool(living) and not set(living) & set(killed)

    def wait_ready(self) -> None:
        wait_until("the cloud to be ready", lambda: self.admin.send("GET", "/readyz").status_code == 200)

    # --- what to talk to, and to look at

    @cached_property
    def admin(self) -> Client:
        return Client(access_of(self.folder.root, "kilonova-admin", url=self.url))

    @cached_property
    def demo(self) -> Client:
        return Client(access_of(self.folder.root, "kilonova-demo", url=self.url))

    def host(self, name: str) -> SimulatedHost:
        return SimulatedHost(name, self.folder.host(name))

    def all_hosts(self) -> list[SimulatedHost]:
        return [self.host(name) for name in self.host_names]

    def host_of(self, server: Any) -> SimulatedHost:
        """Where a server lives, as the administrator sees it."""
        return self.host(self.admin.show(server).host)

    def log(self, part: str) -> str:
        path = self.folder.logs / f"{part}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def rows(self, database: str, query: str) -> list[tuple[Any, ...]]:
        """Read a database of the cloud, from outside."""
        path = self.folder.root / "db" / f"{database}.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(query).fetchall()

    def wait_for_guest_in_hand(self, guest_id: str) -> SimulatedHost:
        """Wait until an order to misbehave has taken effect on a guest: the host where it did."""

        def look() -> SimulatedHost | None:
            return next((host for host in self.all_hosts() if host.has_misbehaved_with(guest_id)), None)

        return wait_until(f"a host to have guest {guest_id} in hand", look)

    def claims_of(self, owner: str = "") -> list[dict[str, Any]]:
        """Live claims, from placement's own API; of one server, or all."""
        found: list[dict[str, Any]] = []
        marker, whose = "", f"server:{owner}" if owner else ""
        while True:
            page = self.admin.get(f"/placement/native/v1/claims?owner={whose}&marker={marker}")
            found += page["claims"]
            marker = page.get("next_marker", "")
            if not marker:
                return found

    def cell_names(self) -> list[str]:
        return [f"cell{number}" for number in range(self.cells + 1)]

    @contextlib.contextmanager
    def database_locked(self, name: str) -> Iterator[None]:
        """Hold the write lock of a database, as another process might."""
        path = self.folder.root / "db" / f"{name}.db"
        with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def database_away(self, name: str) -> Iterator[None]:
        """Let nobody read or write a database: every lock byte of its shared memory is held.

        The bytes are 120 to 127 of the ``-shm`` file (SQLite, "WAL-mode File Format", 2.3.1 The WAL-Index Format). The
        locks go when *any* descriptor of that file is closed here: do not read the database meanwhile.
        """
        with (self.folder.root / "db" / f"{name}.db-shm").open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX, 8, 120)
            yield

    def doubles(self) -> list[str]:
        """Guests that were built while they existed on another host: there must be none, ever."""
        path = self.witness / "doubles.txt"
        return path.read_text().splitlines() if path.exists() else []


def _toml(value: float | str) -> str:
    return msgspec.json.encode(value).decode()
