"""How a server looks at every version that changed its look, against answers that were read by people.

The files in ``golden/`` are those answers: one per boundary version, with the owner's and an administrator's view.
Set KILONOVA_WRITE_GOLDEN=1 to write them anew, and read the difference.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from compute_world import World

_GOLDEN = Path(__file__).parent / "golden"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

#: The versions at which an answer about servers changed.
BOUNDARIES = (
    "2.1", "2.3", "2.9", "2.16", "2.19", "2.26", "2.47", "2.63", "2.69", "2.71", "2.73", "2.75", "2.90", "2.96", "2.98",
    "2.100",
)  # fmt: skip


def _plain(value: Any, server_id: str) -> Any:
    """The answer without what differs from run to run."""
    text = json.dumps(value).replace(f"instance-{server_id[:8]}", "instance-SERVER").replace(server_id, "SERVER")
    return json.loads(re.sub(r"r-[0-9a-f]{8}", "RESERVATION", _UUID.sub("UUID", _TIME.sub("TIME", text))))


@pytest.fixture
async def server_id(world: World) -> str:
    """A server with something in every field."""
    hint = "4aa6a1f4-2f67-4b1e-8f6c-8d6a2c1e0a11"
    image_id = world.images.add(hw_disk_bus="virtio", own_word="x")
    wanted = {
        "name": "web", "imageRef": image_id, "flavorRef": "1",
        "metadata": {"colour": "blue"}, "networks": [{"uuid": world.network.network_id}], "config_drive": True,
        "accessIPv4": "192.0.2.7", "accessIPv6": "2001:db8::7", "user_data": "aGVsbG8=", "description": "a web server",
        "tags": ["front", "red"], "OS-DCF:diskConfig": "AUTO", "availability_zone": "nova",
    }  # fmt: skip
    body = {"server": wanted, "os:scheduler_hints": {"different_host": [hint]}}
    reply = await world.ask("alice", "POST", "/servers", body, "2.96")
    assert reply.status == 202, reply.body
    await world.settle()
    return str(reply.json()["server"]["id"])


async def _all_views(world: World, server_id: str, version: str) -> dict[str, Any]:
    views: dict[str, Any] = {}
    for who in ("alice", "admin"):
        detail = await world.get(who, "/servers/detail" + ("?all_tenants=1" if who == "admin" else ""), version)
        update = await world.ask(who, "PUT", f"/servers/{server_id}", {"server": {"name": "web"}}, version)
        views[who] = {
            "show": await world.get(who, f"/servers/{server_id}", version),
            "detail": detail,
            "update": update.json(),
        }
    views["list"] = await world.get("alice", "/servers", version)
    views["brief"] = await world.get("alice", f"/servers/{server_id}/ips", version)
    return views


@pytest.mark.parametrize("version", BOUNDARIES)
async def test_a_server_looks_as_it_did_at_every_boundary_version(world: World, server_id: str, version: str) -> None:
    views = _plain(await _all_views(world, server_id, version), server_id)
    file = _GOLDEN / f"server_{version}.json"
    if os.environ.get("KILONOVA_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(views, indent=1, sort_keys=True) + "\n")
    assert views == json.loads(file.read_text())


async def test_nothing_changes_between_the_boundaries(world: World, server_id: str) -> None:
    edges = [tuple(int(part) for part in one.split(".")) for one in BOUNDARIES]
    for minor in range(1, edges[-1][1] + 1):
        below = max(edge for edge in edges if edge <= (2, minor))
        views = _plain(await _all_views(world, server_id, f"2.{minor}"), server_id)
        assert views == json.loads((_GOLDEN / f"server_2.{below[1]}.json").read_text()), f"2.{minor}"
