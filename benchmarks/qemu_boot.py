"""A real guest: POST to the running QEMU process with the image cached, and to the guest's own ready line.

    uv run --no-sync python benchmarks/qemu_boot.py --image tiny.qcow2 [--boots 5]

Each round boots the image three times, one after the other: as a server with a config drive, as a server that asks the
metadata service, and bare: the same QEMU command line started by hand (``bare_guest.py``). What a server takes longer
to its ready line than the bare guest is ours. Every round is printed when it is over; a round takes half a minute.
Where others use the machine too, put ``chrt --rr 1`` before the line (as root): all of it then goes before them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bare_guest
import msgspec
from measured_cloud import MeasuredCloud, cpu_seconds, running_cloud, say_load, wishes
from wire import Client

_GIVE_UP_SECONDS = 180.0
#: Often enough to measure, seldom enough to leave the two cores to the guest.
_LOOK_AGAIN_SECONDS = 0.01


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from POST to each mark; at the ready line: the guest's own clock, and what QEMU has used of a core."""

    process: float
    active: float
    ready: float
    told: float
    own: float
    cpu: float


def guest_process(server_id: str, since: int) -> int:
    """The QEMU process of a server, among those younger than ``since``; 0 while there is none."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) <= since:
            continue
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"qemu-system" in command.split(b"\0")[0] and server_id.encode() in command:
            return int(entry.name)
    return 0


def _youngest_process() -> int:
    return int(Path("/proc/loadavg").read_text().split()[-1])


async def _until(test: Any) -> Any:
    async with asyncio.timeout(_GIVE_UP_SECONDS):
        while not (found := await test()):  # noqa: ASYNC110 (another process says it)
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        return found


class Booting:
    """One server after the other in one cloud."""

    def __init__(self, cloud: MeasuredCloud, client: Client, wanted: Mapping[str, Any]) -> None:
        self._cloud, self._client, self._wanted = cloud, client, wanted

    async def boot(self, *, config_drive: bool) -> tuple[Boot, bare_guest.Model]:
        """Boot a server and remove it again; also what its process was like."""
        client, since, began = self._client, _youngest_process(), time.monotonic()
        wanted = {**self._wanted, "config_drive": config_drive}
        server_id = (await client.ask("POST", "/compute/v2.1/servers", {"server": wanted})).json()["server"]["id"]
        path, times = f"/compute/v2.1/servers/{server_id}", list[float]()

        async def runs() -> int:
            return guest_process(server_id, since)

        async def active() -> bool:
            status = (await client.get(path))["server"]["status"]
            assert status != "ERROR", await client.get(path)
            return bool(status == "ACTIVE")

        async def ready() -> Any:
            return bare_guest.READY.search(self._console(server_id))

        async def told() -> Any:
            console = await client.ask("POST", f"{path}/action", {"os-getConsoleOutput": {}})
            return bare_guest.READY.search(console.json()["output"])

        async def gone() -> bool:
            return (await client.ask("GET", path)).status == 404

        seen = []
        for test in (runs, active, ready):
            seen.append(await _until(test))
            times.append(time.monotonic() - began)
        cpu = cpu_seconds(seen[0])
        await _until(told)
        told_at = time.monotonic() - began
        model = bare_guest.model_of(seen[0])
        await client.ask("DELETE", path)
        await _until(gone)
        process, active_at, ready_at = times
        own = float(seen[2][1])
        return Boot(process=process, active=active_at, ready=ready_at, told=told_at, own=own, cpu=cpu), model

    def _console(self, server_id: str) -> str:
        """The file that QEMU writes: asking the API all the time would take the core from the guest."""
        found = self._cloud.folder.glob(f"hosts/*/driver/guests/{server_id}/console.log")
        return "".join(path.read_text(errors="replace") for path in found)


async def measure(cloud: MeasuredCloud, boots: int) -> None:
    client = cloud.client()
    await client.sign_in()
    booting = Booting(cloud, client, {"name": "boot", **await wishes(client)})
    print("each round: a server with a config drive, one with the metadata service, and the same QEMU bare", flush=True)
    _, model = await booting.boot(config_drive=True)  # the image is fetched now
    drives, services, bares = list[Boot](), list[Boot](), list[bare_guest.Bare]()
    for number in range(1, boots + 1):
        drives.append((await booting.boot(config_drive=True))[0])
        services.append((await booting.boot(config_drive=False))[0])
        bares.append(await asyncio.to_thread(bare_guest.boot, model, cloud.folder, _GIVE_UP_SECONDS))
        ready = ", ".join(f"{last.ready:.2f} s" for last in (drives[-1], services[-1], bares[-1]))
        print(f"  round {number}: ready after {ready}; load {os.getloadavg()[0]:.2f}", flush=True)
    client.close()
    _print("with a config drive", drives, bares)
    _print("with the metadata service", services, bares)
    print(f"bare, from the start of the process to its ready line: {_spread([boot.ready for boot in bares])}")
    print(f"  by the guest's own clock: {_spread([boot.own for boot in bares])}")
    print(f"  used of a core until then: {_spread([boot.cpu for boot in bares])}")
    say_load()


def _print(words: str, boots: Sequence[Boot], bares: Sequence[bare_guest.Bare]) -> None:
    rounds = list(zip(boots, bares, strict=True))
    print(f"{len(boots)} servers {words}, one after the other:")
    print(f"  POST to the running QEMU process: {_spread([boot.process for boot in boots])}")
    print(f"  POST to ACTIVE: {_spread([boot.active for boot in boots])}")
    print(f"  POST to the ready line in the console's file: {_spread([boot.ready for boot in boots])}")
    print(f"  POST to the ready line through the API: {_spread([boot.told for boot in boots])}")
    print(f"  by the guest's own clock: {_spread([boot.own for boot in boots])}")
    print(f"  QEMU's use of a core until then: {_spread([boot.cpu for boot in boots])}")
    print(f"  above the bare guest of the same round: {_spread([boot.ready - bare.ready for boot, bare in rounds])}")
    print(f"  above it in use of a core: {_spread([boot.cpu - bare.cpu for boot, bare in rounds])}")


def _spread(seconds: Sequence[float]) -> str:
    return f"median {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default=os.environ.get("KILONOVA_GUEST_IMAGE"), help="default: what bin/demo built")
    parser.add_argument("--boots", type=int, default=5, metavar="ROUNDS")
    given = parser.parse_args(arguments)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kilonova"
    image = given.image or next((str(path) for path in cache.glob("guest-*/tiny.qcow2")), None)
    if image is None:
        raise SystemExit("no guest image: run bin/demo once, or say --image FILE")
    with running_cloud("--driver", "qemu", "--image", image) as cloud:
        asyncio.run(measure(cloud, given.boots))


if __name__ == "__main__":
    main()
