"""Without root: a user namespace in which this user is root, with its own network and mounts, held open by a sleeper.

The sleeper outlives the agent, so guests keep their network. The way out is pasta, where it is installed: it moves
packets between the enclosure and the machine's sockets without any privilege; without it guests reach only each other
and the metadata service. Nothing of the machine's loopback is reachable through it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from kilonova_agent.network import processes
from kilonova_agent.network.errors import HostUnfit

_START_SECONDS = 10.0
_HOLDER = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--", "sleep", "infinity")
_SEALED = ("--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none", "--no-map-gw")


class Enclosure:
    """The user namespace of one agent; ``state`` is where its processes' marks lie."""

    def __init__(self, state: Path) -> None:
        self._state = state

    @property
    def _holder(self) -> processes.Started | None:
        return processes.marked(self._state / "holder.pid")

    @property
    def _pasta(self) -> processes.Started | None:
        return processes.marked(self._state / "pasta.pid")

    def ensure(self) -> None:
        """Find the enclosure or make it. HostUnfit: this machine gives ordinary users no namespaces."""
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        holder = self._holder
        if holder is None:
            if stale := self._pasta:
                processes.end(stale.mark)
            holder = processes.start_detached(_HOLDER, self._state / "holder.log", self._state / "holder.pid")
        self._wait_for_holder(holder)
        subprocess.run([*self.prefix(), "ip", "link", "set", "lo", "up"], check=True, timeout=30)
        if self._pasta is None and shutil.which("pasta") and os.geteuid() != 0:
            command = ("pasta", "--config-net", "--foreground", "--quiet", *_SEALED, str(holder.pid))
            processes.start_detached(command, self._state / "pasta.log", self._state / "pasta.pid")

    def _wait_for_holder(self, holder: processes.Started) -> None:
        """The enclosure is complete when the sleeper sleeps: unshare has then written the user map."""
        deadline = time.monotonic() + _START_SECONDS
        while holder.mark.alive and time.monotonic() < deadline:
            if Path(f"/proc/{holder.pid}/comm").read_text().strip() == "sleep":
                return
            time.sleep(0.004)
        words = (self._state / "holder.log").read_text(errors="replace").strip()[-300:]
        raise HostUnfit(f"no user namespace for this user: {words or 'unshare did not finish'}")

    def prefix(self) -> tuple[str, ...]:
        """What to put before a command line to run it inside, as root there."""
        holder = self._holder
        if holder is None:
            raise HostUnfit("the network's user namespace is gone; restart the agent")
        target = ("--user", "--net", "--mount", "--target", str(holder.pid))
        return ("nsenter", "--preserve-credentials", *target, "--")

    def end(self) -> None:
        """End the enclosure; the kernel then removes what was in it."""
        for name in ("pasta", "holder"):
            path = self._state / f"{name}.pid"
            if found := processes.marked(path):
                processes.end(found.mark)
            path.unlink(missing_ok=True)
