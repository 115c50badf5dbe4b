"""A cloud of its own for a benchmark, its processes and what they have cost."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from wire import Client

KILONOVA = Path(sys.executable).parent / "kilonova"
_TICKS = os.sysconf("SC_CLK_TCK")


class MeasuredCloud:
    """A cloud in a temporary folder."""

    def __init__(self, *arguments: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kilonova-bench-"))
        self.port = free_port()
        self._arguments = [*arguments, "--listen", f"127.0.0.1:{self.port}"]

    def up(self) -> None:
        command = [str(KILONOVA), "up", "--detach", "--data", str(self.folder), *self._arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def down(self) -> None:
        subprocess.run([str(KILONOVA), "down", "--data", str(self.folder)], check=True, stdout=subprocess.DEVNULL)

    def client(self, connections: int = 8) -> Client:
        password = msgspec.json.decode((self.folder / "secrets.json").read_bytes())["admin_password"]
        return Client("127.0.0.1", self.port, password, connections)

    def processes(self) -> Mapping[str, int]:
        """Every process of the cloud by its name: controller, agents, nats-server and other children."""
        found: dict[str, int] = {}
        for path in sorted((self.folder / "run").glob("*.json")):
            pid = msgspec.json.decode(path.read_bytes())["pid"]
            found[path.stem] = pid
            for child in descendants(pid):
                if child not in found.values() and not _name(child).startswith("python"):
                    found[_name(child) if _name(child) not in found else f"{_name(child)}-{child}"] = child
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_cloud(*arguments: str) -> Iterator[MeasuredCloud]:
    """A cloud that is up, and gone afterwards."""
    cloud = MeasuredCloud(*arguments)
    try:
        cloud.up()
        yield cloud
    finally:
        cloud.down()
        shutil.rmtree(cloud.folder, ignore_errors=True)


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from descendants(int(child))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def costs(processes: Mapping[str, int]) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in processes.items()} | {"client": time.process_time()}


def pss_mb(pid: int) -> float:
    """Proportional memory of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def say_load() -> None:
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"  load of the machine: {load} on {os.cpu_count()} cores")


def spread(seconds: Sequence[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    ordered = sorted(seconds)
    tail = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"median {statistics.median(ordered) * 1000:.1f} ms, 99th percentile {tail * 1000:.1f} ms"


async def wishes(client: Client) -> dict[str, Any]:
    """A server's body without its name: the smallest flavor on ``private``, from the first image or a new one."""
    images = (await client.get("/image/v2/images"))["images"]
    network = (await client.get("/network/v2.0/networks?name=private"))["networks"][0]["id"]
    return {
        "imageRef": images[0]["id"] if images else await _upload(client),
        "flavorRef": (await client.get("/compute/v2.1/flavors"))["flavors"][0]["id"],
        "networks": [{"uuid": network}],
    }


async def _upload(client: Client) -> str:
    wanted = {"name": "small", "disk_format": "raw", "container_format": "bare"}
    image_id = str((await client.ask("POST", "/image/v2/images", wanted)).json()["id"])
    await client.send_file(f"/image/v2/images/{image_id}/file", bytes(1024 * 1024))
    return image_id
