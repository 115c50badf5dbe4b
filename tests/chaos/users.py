"""Users of a cloud under attack: they ask for servers, act on them and delete them, and take every refusal in stride.

Each user draws from a random generator of their own, made from the run's seed. What they did is counted, not checked:
whether the cloud kept its word is looked at afterwards (``leftovers.py``).
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

import httpx
from cloud.client import Access, Client

#: What comes after what, mostly: a server that runs may be stopped, paused, rebooted; any other is brought back.
_RUNNING = (
    ("os-stop", None),
    ("os-stop", None),
    ("pause", None),
    ("reboot", {"type": "SOFT"}),
    ("reboot", {"type": "HARD"}),
)
_BACK = {"os-stop": "os-start", "pause": "unpause"}


class Budget:
    """How many servers are still to be asked for, by all users together."""

    def __init__(self, servers: int) -> None:
        self._left, self._lock = servers, threading.Lock()

    @property
    def left(self) -> int:
        return self._left

    def take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def give_back(self) -> None:
        """It was not taken."""
        with self._lock:
            self._left = max(self._left, 0) + 1


class User:
    """One user with servers of their own; ``run`` ends when ``over`` is set."""

    def __init__(
        self, access: Access, number: int, seed: int, budget: Budget, over: threading.Event, *, host: str = ""
    ) -> None:
        self._client, self._host = Client(access), host
        self._random = random.Random(f"{seed}/{number}")
        self._budget, self._over = budget, over
        #: By id, what was last done to each.
        self._servers: dict[str, str] = {}
        self._number = number
        self._asked = 0
        self._body: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                self._one_deed()
            except (httpx.HTTPError, AssertionError) as trouble:
                self.counts[f"not answered ({type(trouble).__name__})"] += 1
                self._over.wait(0.2)
        self._client.close()

    def _one_deed(self) -> None:
        if not self._body:
            self._body = self._client.server_body("", **({"host": self._host} if self._host else {}))["server"]
        dice, crowd = self._random.random(), 2 if self._host else 14
        if (not self._servers or dice < 0.4) and len(self._servers) < crowd and self._budget.take():
            self._create()
        elif self._servers and dice < (0.65 if len(self._servers) >= crowd else 0.48):
            self._remove(self._random.choice(list(self._servers)))
        elif self._servers:
            self._act(self._random.choice(list(self._servers)))
        time.sleep(self._random.uniform(0.0, 0.1 if self._budget.left > 0 else 0.4))

    def _create(self) -> None:
        self._asked += 1
        body = self._body | {"name": f"u{self._number}-{self._asked}"}
        try:
            reply = self._client.send("POST", "/compute/v2.1/servers", json={"server": body})
        except httpx.HTTPError:
            self._budget.give_back()
            raise
        self._count("create", reply)
        if reply.status_code == 202:
            self._servers[reply.json()["server"]["id"]] = ""
        else:
            self._budget.give_back()

    def _remove(self, server: str) -> None:
        self._servers.pop(server)
        self._count("delete", self._client.send("DELETE", f"/compute/v2.1/servers/{server}"))

    def _act(self, server: str) -> None:
        back = _BACK.get(self._servers[server])
        verb, value = (back, None) if back else self._random.choice(_RUNNING)
        reply = self._client.act(server, verb, value)
        self._count(verb.removeprefix("os-"), reply)
        if reply.status_code < 300:
            self._servers[server] = verb

    def _count(self, what: str, reply: httpx.Response) -> None:
        outcome = "taken" if reply.status_code < 300 else f"refused with {reply.status_code}"
        self.counts[f"{what} {outcome}"] += 1
