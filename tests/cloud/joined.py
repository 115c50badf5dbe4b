"""A host that joins a running cloud with a token, as one on another machine would, and whose agent tests may hurt."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from cloud.simulated import SimulatedCloud, SimulatedHost
from cloud.waiting import wait_until
from kilonova_kit.processes import ProcessMark, read_mark, wait_gone, write_mark

#: Runs an agent whose wall clock is off by so many seconds; its steady clock is right, as on a real machine.
_WRONG_CLOCK = """
import sys, time
right, off = time.time, float(sys.argv.pop(1))
time.time = lambda: right() + off
from kilonova_agent.main import main
sys.exit(main())
"""


class JoinedHost(SimulatedHost):
    """A host with an agent process of its own. ``clock_off``: by how many seconds its clock is wrong."""

    def __init__(
        self, cloud: SimulatedCloud, name: str, *, cell: str = "cell1", driver: str = "fake", clock_off: float = 0.0
    ) -> None:
        super().__init__(name, cloud.root / "joined" / name)
        self._cloud, self._cell, self._driver, self._clock_off = cloud, cell, driver, clock_off
        self._note = cloud.root / f"agent-{name}.json"
        self._child: subprocess.Popen[bytes] | None = None

    def join(self) -> None:
        """Join with a one-time token; once is enough for the life of the host."""
        options = {"witness_dir": str(self._cloud.witness)} if self._driver == "fake" else {}
        SimulatedCloud.write_agent_settings(
            self.data, options, controller_url=self._cloud.url, hostname=self.name, driver=self._driver
        )
        token = self._cloud.admin.ask("POST", "/compute/host-tokens", json={"cell": self._cell})["token"]
        file = self._cloud.root / f"{self.name}.token"
        file.write_text(token)
        done = subprocess.run(
            [sys.executable, "-m", "kilonova_agent", "join", "--data", str(self.data), "--token-file", str(file)],
            capture_output=True, text=True, check=False, env=_environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start the agent, unless it runs."""
        if self._child is not None:
            self._child.poll()
        if self.process is not None:
            return
        program = ["-c", _WRONG_CLOCK, str(self._clock_off)] if self._clock_off else ["-m", "kilonova_agent"]
        with (self._cloud.root / f"agent-{self.name}.log").open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, *program, "run", "--data", str(self.data)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=_environment(),
            )  # fmt: skip
        write_mark(self._note, self._child.pid)

    @property
    def process(self) -> ProcessMark | None:
        return read_mark(self._note)

    def end(self, number: int = 9) -> None:
        """End the agent with this signal, and wait until it is gone."""
        note = self.process
        if note is not None:
            os.kill(note.pid, number)
            assert wait_gone(note, 120.0), f"the agent of {self.name} does not end"
        if self._child is not None:
            self._child.wait()
            self._child = None

    def service(self) -> dict[str, Any] | None:
        """The host among the services, as the administrator sees it."""
        found = self._cloud.admin.get(f"/compute/v2.1/os-services?host={self.name}")["services"]
        return dict(found[0]) if found else None

    def wait_in(self) -> None:
        """Wait until placement knows what the host has."""

        def look() -> bool:
            providers = self._cloud.admin.get("/placement/native/v1/providers")["providers"]
            return any(one.get("provider", one)["name"] == self.name for one in providers)

        wait_until(f"host {self.name} to be in", look)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KILONOVA_")}
