"""A real guest: POST to the running QEMU process with the image cached, and to the guest's own ready line.

    uv run --no-sync python benchmarks/qemu_boot.py --image tiny.qcow2 [--boots 10]

The guest says on its console how long it took from its kernel's start (``tiny: ready at SECONDS``); what is above that
is ours. One guest at a time; each is deleted before the next one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measured_cloud import MeasuredCloud, running_cloud, say_load, spread, wishes
from wire import Client

_READY = re.compile(r"tiny: ready at ([\d.]+)")
_GIVE_UP_SECONDS = 180.0


def _guest_process(server_id: str) -> bool:
    """Whether a QEMU process has this server in its command line."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except OSError:
            continue
        if b"qemu-system" in command.split(b"\0")[0] and server_id.encode() in command:
            return True
    return False


async def _until(test: Any) -> None:
    async with asyncio.timeout(_GIVE_UP_SECONDS):
        while not await test():  # noqa: ASYNC110 (another process says it)
            await asyncio.sleep(0.01)


async def boot(client: Client, wanted: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Seconds from POST to the QEMU process, to ACTIVE, to the ready line; and the guest's own."""
    began = time.monotonic()
    server_id = (await client.ask("POST", "/compute/v2.1/servers", {"server": wanted})).json()["server"]["id"]
    path, found = f"/compute/v2.1/servers/{server_id}", list[str]()

    async def runs() -> bool:
        return _guest_process(server_id)

    async def active() -> bool:
        status = (await client.get(path))["server"]["status"]
        assert status != "ERROR"
        return bool(status == "ACTIVE")

    async def ready() -> bool:
        console = await client.ask("POST", f"{path}/action", {"os-getConsoleOutput": {}})
        found[:] = _READY.findall(console.json()["output"])
        return bool(found)

    async def gone() -> bool:
        return (await client.ask("GET", path)).status == 404

    times = []
    for test in (runs, active, ready):
        await _until(test)
        times.append(time.monotonic() - began)
    await client.ask("DELETE", path)
    await _until(gone)
    return times[0], times[1], times[2], float(found[0])


async def measure(cloud: MeasuredCloud, boots: int) -> None:
    client = cloud.client()
    await client.sign_in()
    wanted = {"name": "boot", **await wishes(client)}
    await boot(client, wanted)  # the image is fetched now
    runs = [await boot(client, wanted) for _ in range(boots)]
    client.close()
    process, active, ready, own = (list(figures) for figures in zip(*runs, strict=True))
    over = [whole - guest for whole, guest in zip(ready, own, strict=True)]
    print(f"{boots} real guests, one after the other:")
    print(f"  POST to the running QEMU process: {spread(process)}")
    print(f"  POST to ACTIVE: {spread(active)}")
    print(f"  POST to the guest's ready line: {spread(ready)}")
    print(f"  the guest's own boot: median {statistics.median(own):.2f} s; above it {spread(over)}")
    say_load()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default=os.environ.get("KILONOVA_GUEST_IMAGE"), help="default: what bin/demo built")
    parser.add_argument("--boots", type=int, default=10)
    given = parser.parse_args(arguments)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kilonova"
    image = given.image or next((str(path) for path in cache.glob("guest-*/tiny.qcow2")), None)
    if image is None:
        raise SystemExit("no guest image: run bin/demo once, or say --image FILE")
    with running_cloud("--driver", "qemu", "--image", image) as cloud:
        asyncio.run(measure(cloud, given.boots))


if __name__ == "__main__":
    main()
