"""Claims per second of the native way: in process, durable, on SQLite; the decision alone; memory.

    uv run --no-sync python benchmarks/placement_native.py [--hosts 1000,10000,100000] [--claims 4000] [--in-flight 64]

Columns: hosts; seconds from the database to ready; MB that the index adds to the process; microseconds of one decision
(filter, weigh, pick); claims per second through the ledger, and their median and 99th percentile; the same through the
HTTP edge and the typed client, in process. The machine's load is printed, for the figures depend on it.
"""

import argparse
import asyncio
import gc
import os
import random
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from kilonova_kit.http.client import InProcess, ServiceClient
from kilonova_kit.http.edge import Edge
from kilonova_kit.http.identity import Identity
from kilonova_kit.http.policy import PolicyBook
from kilonova_placement.app.waiting import Question
from kilonova_placement.client import PlacementClient
from kilonova_placement.deciding.choosing import choose
from kilonova_placement.model.claims import Owner
from kilonova_placement.model.providers import Inventory, Provider
from kilonova_placement.model.requests import Request
from kilonova_placement.service import SERVICE, PlacementApp, PlacementSettings
from kilonova_placement.store.providers import Mark, make_provider

REQUEST = Request(
    resources={"VCPU": 1, "MEMORY_MB": 256, "DISK_GB": 10},
    required_traits=("HW_CPU_X86_AVX2",),
    forbidden_traits=("CUSTOM_WINDOWS_ONLY",),
)


Claim = Callable[[int], Awaitable[None]]


class Anyone:
    async def identify(self, token: str) -> Identity | None:
        return Identity(user_id="service", roles=frozenset({"service"}))


def host(number: int) -> Provider:
    chance = random.Random(number)
    size = chance.choice((16, 32, 64))
    provider_id = f"00000000-0000-0000-0000-{number:012d}"
    return Provider(
        provider_id=provider_id,
        name=f"host-{number}",
        generation=1,
        root_id=provider_id,
        cell="cell1",
        inventories={
            "VCPU": Inventory(total=size, allocation_ratio=4.0),
            "MEMORY_MB": Inventory(total=size * 4096, reserved=512),
            "DISK_GB": Inventory(total=size * 50),
        },
        traits=("HW_CPU_X86_AVX2", "HW_CPU_X86_SSE42") if number % 4 else ("HW_CPU_X86_SSE42",),
    )


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _save(numbers: range, tx: Any) -> None:
    for number in numbers:
        make_provider(tx, host(number), Mark("benchmark", 0.0))


async def fill(url: str, hosts: int) -> None:
    app = PlacementApp(PlacementSettings(database=url))
    await app.start()
    for start in range(0, hosts, 1000):
        await app.database.write(partial(_save, range(start, min(start + 1000, hosts))))
    await app.close()


async def storm(claim: Claim, claims: int, in_flight: int) -> tuple[float, float, float]:
    """Claims per second, median and 99th percentile in milliseconds."""
    took, numbers = list[float](), iter(range(claims))

    async def worker() -> None:
        for number in numbers:
            started = time.perf_counter()
            await claim(number)
            took.append((time.perf_counter() - started) * 1000)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    rate = claims / (time.perf_counter() - started)
    took.sort()
    return rate, took[len(took) // 2], took[int(len(took) * 0.99)]


def decision_us(app: PlacementApp, rounds: int = 300) -> float:
    started = time.perf_counter()
    for _ in range(rounds):
        choose(REQUEST, 1, app.ledger.index, app.chooser)
    return (time.perf_counter() - started) / rounds * 1e6


async def measure(hosts: int, claims: int, in_flight: int) -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        url = f"sqlite:///{folder}/placement.db"
        await fill(url, hosts)
        gc.collect()
        before, started = resident_mb(), time.perf_counter()
        app = PlacementApp(PlacementSettings(database=url))
        await app.start()
        ready = time.perf_counter() - started
        gc.collect()
        memory = resident_mb() - before

        async def token() -> str:
            return "token"

        async def direct(number: int) -> None:
            owner = Owner(name=f"server:{number}", project_id="p", user_id="u")
            await app.ledger.claim(Question(REQUEST, (owner,), (f"direct-{number}",), 600.0))

        client = PlacementClient(
            ServiceClient(InProcess(Edge(SERVICE, app, Anyone(), PolicyBook()).asgi, "/placement"), token)
        )

        async def through_http(number: int) -> None:
            await client.claim(
                REQUEST, [Owner(name=f"server:h{number}", project_id="p", user_id="u")], [f"http-{number}"]
            )

        decision = decision_us(app)
        ours = await storm(direct, claims, in_flight)
        edge = await storm(through_http, claims, in_flight)
        proof = await app.prove()
        await app.close()
        assert not proof.wrong, proof
    row = (hosts, ready, memory, decision, *ours, *edge)
    print("{:>7} {:>7.2f} {:>7.1f} {:>8.1f} | {:>8.0f} {:>7.1f} {:>7.1f} | {:>8.0f} {:>7.1f} {:>7.1f}".format(*row))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", default="1000,10000,100000")
    parser.add_argument("--claims", type=int, default=4000)
    parser.add_argument("--in-flight", type=int, default=64)
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {asked.in_flight} in flight")
    print("  hosts ready s mem MB   decide |   direct     p50     p99 | over edge    p50     p99   (claims/s, ms)")
    for hosts in asked.hosts.split(","):
        asyncio.run(measure(int(hosts), asked.claims, asked.in_flight))


if __name__ == "__main__":
    main()
