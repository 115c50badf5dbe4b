"""The agents of this machine's hosts: started in processes of their own, started again when they die.

They outlive the controller, and the next ``up`` finds them by their notes. Simulated hosts share one process; real ones
have one each, as they would on machines of their own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from kilonova_agent.settings import AgentSettings
from kilonova_kit.processes import ProcessMark, read_mark, send_signal, wait_gone, write_mark

from kilonova.cloud.folder import CloudFolder, CloudState, last_line

log = logging.getLogger(__name__)

_RESTART_PAUSE_SECONDS = 1.0
#: How long guests get to shut down, and the agent to tidy up after them.
DRAIN_SECONDS = 90.0


def host_names(state: CloudState) -> list[str]:
    """The hosts of this machine: its own name, or ``host1`` and so on where there are several."""
    if state.hosts == 1:
        return [socket.gethostname().split(".")[0] or "host1"]
    return [f"host{number}" for number in range(1, state.hosts + 1)]


def cell_of_host(state: CloudState, number: int) -> str:
    """Hosts are dealt out to the cells in turn."""
    return f"cell{number % state.cells + 1}"


class AgentProcess:
    """One process with the agents of some hosts."""

    def __init__(self, folder: CloudFolder, name: str, agents: list[AgentSettings]) -> None:
        self._folder, self.name, self._agents = folder, name, agents
        self._note = folder.run / f"agent-{name}.json"
        self._child: subprocess.Popen[bytes] | None = None

    def ensure(self) -> ProcessMark:
        """The running process, started if there is none."""
        if self._child is not None:
            self._child.poll()  # a dead child must not stay a zombie
        found = read_mark(self._note)
        return found or self._adopt() or self._start()

    def _adopt(self) -> ProcessMark | None:
        """The agent that a controller started and, killed at once, had no time to write down."""
        data = self._agents[0].data_dir
        if not (data / "agent.lock").exists():
            return None
        from kilonova_agent.agent import working_agent  # rarely needed: not for a cloud's first start

        pid = working_agent(data)
        return None if pid is None else write_mark(self._note, pid)

    def _start(self) -> ProcessMark:
        first = self._agents[0]
        shared = ["--controller-url", first.controller_url, "--driver", first.driver]
        if first.ca_file is not None:
            shared += ["--ca-file", str(first.ca_file)]
        folders = [word for agent in self._agents for word in ("--data", str(agent.data_dir))]
        with (self._folder.logs / f"agent-{self.name}.log").open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "kilonova_agent", "run", *folders, *shared],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
                env=_environment(),
            )
        return write_mark(self._note, self._child.pid)


def _environment() -> dict[str, str]:
    """Ours, without what is meant for others: an agent takes every ``KILONOVA_*`` for a setting of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KILONOVA_")}
    return kept | {"PYTHONUNBUFFERED": "1"}


class Agents:
    """Keeps every agent process of this cloud running, until it is told to drain them."""

    def __init__(self, folder: CloudFolder, processes: list[AgentProcess]) -> None:
        self._folder, self._processes = folder, processes
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        for process in self._processes:
            process.ensure()
        self._keeper = asyncio.create_task(self._keep(), name="agents")

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_RESTART_PAUSE_SECONDS)
            for process in self._processes:
                try:
                    process.ensure()
                except Exception as error:  # noqa: BLE001 - whatever it was: without its keeper no agent would come back
                    log.error("the agent process %s cannot be started now: %s", process.name, error)

    def last_words(self) -> str:
        """The last line of each process's log: why a host does not come in."""
        logs = [self._folder.logs / f"agent-{process.name}.log" for process in self._processes]
        return "; ".join(last_line(path) for path in logs if path.exists())

    async def close(self) -> None:
        """Stop keeping them; they go on."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)


def drain_agents(run: Path) -> list[str]:
    """Ask every agent of a cloud to shut its guests down, remove what it made and end; names those who did not."""
    found = {path.stem.removeprefix("agent-"): read_mark(path) for path in sorted(run.glob("agent-*.json"))}
    notes = {name: note for name, note in found.items() if note is not None}
    for note in notes.values():
        send_signal(note, signal.SIGUSR1)
    return [name for name, note in notes.items() if not wait_gone(note, DRAIN_SECONDS)]
