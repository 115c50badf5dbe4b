"""``GET /servers/detail?limit=1000`` with 1,000 servers, and ``GET /servers/{id}``.

    uv run --no-sync python benchmarks/lists.py [--servers 1000]

The client is on the same cores and decodes nothing. The real Nova: 1.0 s for 200 servers in detail, 32 ms for one.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time

from boots import boot_many
from measured_cloud import MeasuredCloud, cpu_seconds, running_cloud, say_load, spread, wishes
from wire import Client


async def timed(client: Client, path: str) -> float:
    began = time.perf_counter()
    reply = await client.ask("GET", path)
    assert reply.status == 200, reply.body
    return time.perf_counter() - began


async def measure(cloud: MeasuredCloud, servers: int) -> None:
    client = cloud.client(connections=50)
    await client.sign_in()
    await boot_many(client, await wishes(client), servers, in_flight=50)
    ids = [server["id"] for server in (await client.get("/compute/v2.1/servers?limit=1000"))["servers"]]
    whole = await client.ask("GET", "/compute/v2.1/servers/detail?limit=1000")
    print(f"{len(ids)} servers:")
    controller = cloud.processes()["controller"]
    for words, paths in (
        ("GET /servers/detail?limit=1000", ["/compute/v2.1/servers/detail?limit=1000"] * 30),
        ("GET /servers?limit=1000", ["/compute/v2.1/servers?limit=1000"] * 30),
        ("GET /servers/{id}", [f"/compute/v2.1/servers/{random.choice(ids)}" for _ in range(500)]),
    ):
        spent = cpu_seconds(controller)
        took = [await timed(client, path) for path in paths]
        each = (cpu_seconds(controller) - spent) / len(paths) * 1000
        print(f"  {words:<32} {spread(took)}; the controller's CPU {each:.1f} ms each")
    print(f"  the detailed list has {len(whole.body) / 1e6:.1f} MB")
    say_load()
    client.close()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=1000)
    given = parser.parse_args(arguments)
    flags = ("--driver", "fake", "--hosts", "8", "--cells", "2", "--private-cidr", "10.77.0.0/16")
    with running_cloud(*flags) as cloud:
        asyncio.run(measure(cloud, given.servers))


if __name__ == "__main__":
    main()
