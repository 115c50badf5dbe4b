"""Placement against the real one: the same hosts, the same questions over HTTP, in one run; both columns and the ratio.

    uv run --no-sync python benchmarks/placement.py [--both 1000,5000] [--ours 10000,100000] [--claims 4000] [--no-real]

The real ``openstack-placement`` comes from PyPI into an environment of its own; PostgreSQL stands under both, if it is
installed here. A claim is, ours: one ``POST claims``; the real one's: ``GET allocation_candidates`` and
``PUT allocations``, anew after a conflict, as Nova does it. CPU is the service's own, without the database server's.
Everything is durable. PostgreSQL is a new server, made to have what one that has run for a while has (``age``).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

import msgspec
import psycopg
from kilonova_kit.testing.postgresql import PostgresqlServer, binaries, running_postgresql
from measured_cloud import say_load
from placement_hosts import Host, device_hosts, fill_ours, fill_real, plain_hosts
from placement_services import Service, any_identity, ours, real
from wire import Connection, Reply

_HEADERS = {
    "X-Auth-Token": "admin",
    "X-Project-Id": "benchmark",
    "X-User-Id": "benchmark",
    "OpenStack-API-Version": "placement 1.36",
    "Content-Type": "application/json",
    "Accept": "application/json",
}
_AMOUNTS = {"VCPU": 1, "MEMORY_MB": 256, "DISK_GB": 10}
_RESOURCES = ",".join(f"{name}:{amount}" for name, amount in _AMOUNTS.items())
_DEVICES = "&".join(f"resources{number}=PGPU:1" for number in range(1, 9)) + "&group_policy=isolate"
_IN_FLIGHT = 64
#: Nobody waits longer than this for an answer.
_PATIENCE = 60.0
#: As many as PostgreSQL keeps for reuse (``min_wal_size``, 80 MB), and the one in use.
_LOG_FILES = 6


class Cost(NamedTuple):
    """Milliseconds of one answer; minus one for an answer that did not come in time."""

    wall: float
    cpu: float


class Rate(NamedTuple):
    """Claims per second, the 50th and 99th percentile in milliseconds, CPU milliseconds of one claim."""

    rate: float
    median: float
    p99: float
    cpu: float


def path_of(hosts: int, limit: int) -> str:
    return f"/allocation_candidates?resources={_RESOURCES}&limit={limit}"


async def cost_of(service: Service, path: str, times: int) -> Cost:
    """What one answer costs, after one that is not counted."""
    connection = service.connection()
    try:
        await _ask(connection, path, service)
        cpu, wall = service.cpu_seconds(), time.perf_counter()
        for _ in range(times):
            await _ask(connection, path, service)
        wall = (time.perf_counter() - wall) / times
        return Cost(wall * 1000, (service.cpu_seconds() - cpu) / times * 1000)
    except TimeoutError:
        return Cost(-1.0, -1.0)
    finally:
        connection.close()


async def _ask(connection: Connection, path: str, service: Service) -> Reply:
    async with asyncio.timeout(_PATIENCE):
        reply = await connection.ask("GET", service.below + path, _HEADERS)
    assert reply.status == 200, reply.body[:500]
    return reply


# --- claims

Claim = Callable[[Connection, str], Awaitable[None]]


def _uuid(number: int) -> str:
    return f"10000000-0000-0000-0000-{number:012d}"


async def claim_ours(connection: Connection, claim_id: str) -> None:
    """One question: choose and hold."""
    body = {
        "request": {"resources": _AMOUNTS, "required_traits": ["HW_CPU_X86_AVX2"]},
        "owners": [{"name": f"server:{claim_id}", "project_id": "p", "user_id": "u"}],
        "claim_ids": [claim_id],
    }
    reply = await connection.ask("POST", "/placement/native/v1/claims", _HEADERS, msgspec.json.encode(body))
    assert reply.status == 200, reply.body[:500]


async def claim_real(connection: Connection, claim_id: str) -> None:
    """Nova's way: ask for up to 1,000 candidates, take one of them, try again when somebody was quicker."""
    path = path_of(0, 1000) + "&required=HW_CPU_X86_AVX2"
    while True:
        reply = await connection.ask("GET", path, _HEADERS)
        assert reply.status == 200, reply.body[:500]
        chosen = random.choice(msgspec.json.decode(reply.body)["allocation_requests"])
        body = {**chosen, "project_id": "p", "user_id": "u", "consumer_generation": None}
        reply = await connection.ask("PUT", f"/allocations/{claim_id}", _HEADERS, msgspec.json.encode(body))
        if reply.status == 204:
            return
        assert reply.status == 409, reply.body[:500]


async def storm(service: Service, claim: Claim, claims: int, seconds: float) -> Rate:
    """So many claims with 64 in flight, or as many as there is time for."""
    took, numbers, until = list[float](), iter(range(1, claims + 1)), time.perf_counter() + seconds
    connections = [service.connection() for _ in range(_IN_FLIGHT)]

    async def worker(connection: Connection) -> None:
        for number in numbers:
            started = time.perf_counter()
            await claim(connection, _uuid(number))
            took.append(time.perf_counter() - started)
            if time.perf_counter() > until:
                return

    cpu, started = service.cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(worker(connection) for connection in connections))
    wall, cpu = time.perf_counter() - started, service.cpu_seconds() - cpu
    for connection in connections:
        connection.close()
    took.sort()
    median, p99 = took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000
    return Rate(len(took) / wall, median, p99, cpu / len(took) * 1000)


def age(url: str) -> None:
    """Let a PostgreSQL server have log files to write over, as one that has run for a while.

    A new one makes each when the last is full: 16 MB of zeros and their fsync, while everybody waits.
    """
    if not url.startswith("postgresql"):
        return
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for _ in range(_LOG_FILES):
            connection.execute("SELECT pg_logical_emit_message(false, '', 'used')")
            connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")


# --- a run


class Run:
    """What was measured, by what and by whom."""

    def __init__(self, asked: argparse.Namespace, identity: str, server: PostgresqlServer | None) -> None:
        self.asked, self.identity, self.server = asked, identity, server
        self.costs: dict[str, dict[str, Cost]] = {}
        self.rates: dict[str, dict[str, Rate]] = {}

    def cost(self, what: str, who: str, cost: Cost) -> None:
        self.costs.setdefault(what, {})[who] = cost

    def rate(self, what: str, who: str, rate: Rate) -> None:
        self.rates.setdefault(what, {})[who] = rate
        say(f"{what}, {who}: {rate.rate:.0f}/s")

    async def all(self) -> None:
        for count in self.asked.both:
            await self.hosts(count, with_real=not self.asked.no_real)
        for count in self.asked.ours:
            await self.hosts(count, with_real=False)
        await self.devices()

    async def hosts(self, count: int, *, with_real: bool) -> None:
        hosts = list(plain_hosts(count))
        with tempfile.TemporaryDirectory(prefix="kilonova-bench-") as folder:
            await self.our_hosts(f"sqlite:///{folder}/placement.db", "SQLite", hosts)
        if self.server is not None:
            await self.our_hosts(self.server.new_database(), "PostgreSQL", hosts)
        if self.server is not None and with_real:
            await self.real_hosts(hosts)

    async def our_hosts(self, url: str, database: str, hosts: list[Host]) -> None:
        count = len(hosts)
        await fill_ours(url, hosts)
        async with ours(url, self.identity) as service:
            memory = service.memory_mb()
            say(f"{count:,} hosts on {database}: ready after {service.ready_seconds:.1f} s, {memory:.0f} MB in all")
            if database == "SQLite":
                for limit in sorted({1000, min(count, 5000)}):
                    cost = await cost_of(service, path_of(count, limit), 20)
                    self.cost(f"candidates of {count:,} hosts, limit {limit:,}", "ours", cost)
            await storm(service, _other(claim_ours), 500, _PATIENCE)
            age(url)
            rate = await storm(service, claim_ours, self.asked.claims, _PATIENCE)
            self.rate(f"claims at {count:,} hosts", f"ours on {database}", rate)

    async def real_hosts(self, hosts: list[Host]) -> None:
        assert self.server is not None
        count, url = len(hosts), self.server.new_database()
        async with real(url, workers=1):
            fill_real(url, hosts)
        async with real(url) as service:
            for limit in sorted({1000, min(count, 5000)}):
                cost = await cost_of(service, path_of(count, limit), 4)
                self.cost(f"candidates of {count:,} hosts, limit {limit:,}", "real", cost)
            age(url)
            rate = await storm(service, claim_real, self.asked.claims, self.asked.seconds)
            self.rate(f"claims at {count:,} hosts", "real on PostgreSQL", rate)

    async def devices(self) -> None:
        """Eight groups of one device each, on 10 hosts with eight."""
        hosts, what = list(device_hosts(10, 8)), "eight of eight devices on 10 hosts"
        with tempfile.TemporaryDirectory(prefix="kilonova-bench-") as folder:
            url = f"sqlite:///{folder}/placement.db"
            await fill_ours(url, hosts)
            async with ours(url, self.identity) as service:
                self.cost(what, "ours", await cost_of(service, f"/allocation_candidates?{_DEVICES}", 20))
        if self.server is not None and not self.asked.no_real:
            url = self.server.new_database()
            async with real(url, workers=1):
                fill_real(url, hosts)
            async with real(url, workers=1) as service:
                self.cost(what, "real", await cost_of(service, f"/allocation_candidates?{_DEVICES}", 1))

    # --- the table

    def table(self) -> Iterator[str]:
        names = ("milliseconds of one answer", "ours: wall", "CPU", "real: wall", "CPU", "ratio")
        yield "{:<44} {:>10} {:>7} {:>11} {:>8} {:>7}".format(*names)
        for what, by in self.costs.items():
            one, other = by["ours"], by.get("real")
            said = f"{what:<44} {one.wall:>10.1f} {one.cpu:>7.1f}"
            if other is not None and other.wall < 0:
                said += f" {f'>{_PATIENCE * 1000:,.0f}':>11} {'':>8} {f'>{_PATIENCE * 1000 / one.wall:,.0f}':>7}"
            elif other is not None:
                said += f" {other.wall:>11.1f} {other.cpu:>8.1f} {other.wall / one.wall:>7.1f}"
            yield said
        yield ""
        names = (f"claims, durable, {_IN_FLIGHT} in flight", "per second", "p50 ms", "p99 ms", "CPU ms", "ratio")
        yield "{:<44} {:>10} {:>8} {:>8} {:>8} {:>7}".format(*names)
        for what, rates in self.rates.items():
            real_rate = rates.get("real on PostgreSQL")
            for who, rate in rates.items():
                ratio = f"{rate.rate / real_rate.rate:>7.0f}" if real_rate and rate is not real_rate else ""
                words = f"{what}, {who}"
                yield f"{words:<44} {rate.rate:>10.1f} {rate.median:>8.1f} {rate.p99:>8.1f} {rate.cpu:>8.2f} {ratio}"


def _other(claim: Claim) -> Claim:
    """The same with ids of its own, to warm up."""

    async def warm(connection: Connection, claim_id: str) -> None:
        await claim(connection, "2" + claim_id[1:])

    return warm


def say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


async def _main(asked: argparse.Namespace) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_postgresql(durable=True)) if binaries() else None
        if server is None:
            say("PostgreSQL is not installed: no real placement, and ours on SQLite only")
        async with any_identity() as identity:
            run = Run(asked, identity, server)
            await run.all()
    say_load()
    for line in run.table():
        print(line)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--both", type=_numbers, default=[1000, 5000], help="hosts, measured with both")
    parser.add_argument("--ours", type=_numbers, default=[10_000, 100_000], help="hosts, measured with ours alone")
    parser.add_argument("--claims", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long the real one is let claim")
    parser.add_argument("--no-real", action="store_true", help="ours alone")
    asyncio.run(_main(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
