"""POST to ACTIVE on simulated hosts: servers per second, what they cost, and one alone.

    uv run --no-sync python benchmarks/boots.py [--servers 500] [--in-flight 50] [--profile FILE]

All on the machine's cores, the client included; SQLite on disk. A server is ACTIVE when a list says so; the list is
read every 50 ms, which is how exact its time is. The real Nova with its fake driver, measured on 2 such cores: 1.0
servers per second on one host, 2.5 on eight, 0.7 CPU-seconds each; 366 ms for one alone.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from measured_cloud import MeasuredCloud, costs, running_cloud, say_load, spread, wishes
from wire import Client

_LOOK_SECONDS = 0.05
_GIVE_UP_SECONDS = 120.0


class Boots:
    """Servers on their way, and how long each took."""

    def __init__(self, client: Client, wanted: Mapping[str, Any]) -> None:
        self._client, self._wanted = client, wanted
        self._waiting: dict[str, asyncio.Event] = {}
        self.took: list[float] = []
        self.answered: list[float] = []

    async def boot(self, name: str) -> None:
        started = time.monotonic()
        reply = await self._client.ask("POST", "/compute/v2.1/servers", {"server": {"name": name, **self._wanted}})
        self.answered.append(time.monotonic() - started)
        event = self._waiting[reply.json()["server"]["id"]] = asyncio.Event()
        await event.wait()
        self.took.append(time.monotonic() - started)

    async def look(self, newest: int) -> None:
        """Read the newest ACTIVE servers again and again."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._waiting:
                continue
            found = await self._client.get(f"/compute/v2.1/servers?status=ACTIVE&limit={newest}")
            for server in found["servers"]:
                if event := self._waiting.pop(server["id"], None):
                    event.set()


async def boot_many(client: Client, wanted: Mapping[str, Any], servers: int, in_flight: int) -> Boots:
    """Boot servers, so many at a time. Raises TimeoutError when they do not all become ACTIVE."""
    boots, names = Boots(client, wanted), iter(range(servers))

    async def user() -> None:
        for number in names:
            await boots.boot(f"boot-{number}")

    looking = asyncio.create_task(boots.look(newest=min(1000, 2 * in_flight)))
    try:
        async with asyncio.timeout(_GIVE_UP_SECONDS):
            await asyncio.gather(*(user() for _ in range(in_flight)))
    finally:
        looking.cancel()
    return boots


async def boot_one(client: Client, wanted: Mapping[str, Any], name: str) -> float:
    """POST to ACTIVE, looking at that server every 5 ms."""
    started = time.monotonic()
    reply = await client.ask("POST", "/compute/v2.1/servers", {"server": {"name": name, **wanted}})
    path = f"/compute/v2.1/servers/{reply.json()['server']['id']}"
    while (await client.get(path))["server"]["status"] != "ACTIVE":  # noqa: ASYNC110 (another process says it)
        await asyncio.sleep(0.005)
    return time.monotonic() - started


def _profiler(cloud: MeasuredCloud, path: str | None) -> subprocess.Popen[bytes] | None:
    if not path:
        return None
    controller = str(cloud.processes()["controller"])
    command = ["py-spy", "record", "--gil", "-t", "-r", "200", "-d", "600", "-f", "raw", "-o", path, "-p", controller]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def measure(cloud: MeasuredCloud, given: argparse.Namespace) -> None:
    client = cloud.client(connections=given.in_flight)
    await client.sign_in()
    wanted = await wishes(client)
    alone = [await boot_one(client, wanted, f"alone-{number}") for number in range(20)]
    profiler = _profiler(cloud, given.profile)
    before, began = costs(cloud.processes()), time.monotonic()
    boots = await boot_many(client, wanted, given.servers, given.in_flight)
    seconds, after = time.monotonic() - began, costs(cloud.processes())
    if profiler:
        profiler.send_signal(signal.SIGINT)
        profiler.wait()
    client.close()
    print(f"{given.servers} servers, {given.in_flight} at a time, on {given.hosts} hosts in {given.cells} cells:")
    print(f"  {given.servers / seconds:.0f} servers per second; POST to ACTIVE {spread(boots.took)}")
    print(f"  POST to its answer {spread(boots.answered)}")
    spent = {name: (after[name] - before.get(name, 0)) / given.servers * 1000 for name in after}
    each = ", ".join(f"{name} {cost:.1f}" for name, cost in spent.items())
    print(f"  CPU per server: {sum(spent.values()):.1f} ms ({each})")
    print(f"one alone: {spread(alone)}")
    say_load()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=500)
    parser.add_argument("--in-flight", type=int, default=50)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--cells", type=int, default=2)
    parser.add_argument("--profile", metavar="FILE", help="sample the controller with py-spy, where it is installed")
    given = parser.parse_args(arguments)
    hosts, cells = str(given.hosts), str(given.cells)
    flags = ("--driver", "fake", "--hosts", hosts, "--cells", cells, "--private-cidr", "10.77.0.0/16")
    with running_cloud(*flags) as cloud:
        asyncio.run(measure(cloud, given))


if __name__ == "__main__":
    main()
