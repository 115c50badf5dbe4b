"""Kills parts of a cloud with signal 9, again and again, at moments drawn from a seed; nobody tells the parts.

The controller is started again as a person would, with ``kilonova up --detach``, and perhaps killed while it starts.
Agents and the bus server come back by themselves.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter

from cloud.joined import JoinedHost
from cloud.simulated import CloudDidNotStart, Part, SimulatedCloud

#: The bus server and the agents come back within a second or two, the controller takes longer.
_VICTIMS = ("controller", "controller", "agent", "agent", "nats", "joined")


class Killer:
    """``run`` kills until ``over`` is set, then leaves a cloud whose every part was started again."""

    def __init__(
        self, cloud: SimulatedCloud, joined: list[JoinedHost], seed: int, over: threading.Event, mean_seconds: float
    ) -> None:
        self._cloud, self._joined, self._over = cloud, joined, over
        self._random, self._mean = random.Random(f"{seed}/killer"), mean_seconds
        self.kills: Counter[str] = Counter()
        self.trouble = ""

    def run(self) -> None:
        try:
            while not self._over.wait(self._random.uniform(0.1, 2 * self._mean)):
                self._kill(self._random.choice(_VICTIMS))
            self.revive()
        except (CloudDidNotStart, AssertionError, OSError, subprocess.SubprocessError) as trouble:
            self.trouble = f"{type(trouble).__name__}: {trouble}"

    def _kill(self, victim: str) -> None:
        if victim == "joined":
            if self._joined:
                host = self._random.choice(self._joined)
                host.end()
                self.kills[f"agent of {host.name}"] += 1
                host.start()
            return
        if victim == "controller":
            self.kills["controller"] += len(self._cloud.kill("controller"))
            self._start_perhaps_in_vain()
            return
        part: Part = "agent" if victim == "agent" else "nats"
        self.kills[part] += len(self._cloud.kill(part))

    def _start_perhaps_in_vain(self) -> None:
        """Every third start is killed at some moment, then tried again."""
        while self._random.random() < 0.33 and not self._over.is_set():
            child = subprocess.Popen(
                [sys.executable, "-m", "kilonova", "up", "--data", str(self._cloud.folder.root)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(self._random.uniform(0.3, 6.0))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            child.wait()
            self.kills["controller while it started"] += 1
        self._cloud.up()

    def revive(self) -> None:
        if not self._cloud.processes("controller"):
            self._cloud.up()
        for host in self._joined:
            host.start()
