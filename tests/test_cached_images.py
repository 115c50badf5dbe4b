"""Images at hand before a server needs them: asked for, fetched by the hosts, known to placement, and no crowd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
from cloud.simulated import SimulatedCloud
from cloud.waiting import wait_until

MakeCloud = Callable[..., SimulatedCloud]


def _image_id(cloud: SimulatedCloud) -> str:
    (image,) = cloud.admin.get("/image/v2/images")["images"]
    return str(image["id"])


def _aggregate_of(cloud: SimulatedCloud, *hosts: str) -> int:
    body = {"aggregate": {"name": "-".join(hosts)}}
    number = int(cloud.admin.ask("POST", "/compute/v2.1/os-aggregates", json=body)["aggregate"]["id"])
    for host in hosts:
        action = {"add_host": {"host": host}}
        cloud.admin.ask("POST", f"/compute/v2.1/os-aggregates/{number}/action", json=action)
    return number


def _cache(cloud: SimulatedCloud, aggregate: int, image_id: str) -> httpx.Response:
    body = {"cache": [{"id": image_id}]}
    return cloud.admin.send("POST", f"/compute/v2.1/os-aggregates/{aggregate}/images", json=body)


def _stages(cloud: SimulatedCloud) -> dict[str, str]:
    found: list[dict[str, Any]] = cloud.admin.get("/compute/native/v1/precaches")["precaches"]
    return {host["host"]: host["stage"] for one in found for host in one["hosts"]}


def _known_to_placement(cloud: SimulatedCloud, image_id: str) -> set[str]:
    providers = [use["provider"] for use in cloud.admin.get("/placement/native/v1/providers")["providers"]]
    return {one["name"] for one in providers if image_id in one.get("attributes", {}).get("images", ())}


def _files(cloud: SimulatedCloud, host: str) -> list[str]:
    return sorted(path.name for path in (cloud.host(host).data / "images").iterdir() if path.name != "by-id")


def test_an_image_that_an_aggregate_has_draws_servers_there_but_not_a_whole_class(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=4, cells=2)
    image_id, number = _image_id(cloud), _aggregate_of(cloud, "host1", "host2")
    assert _known_to_placement(cloud, image_id) == set()
    assert _cache(cloud, number, image_id).status_code == 202
    wait_until("both hosts to have it", lambda: set(_stages(cloud).values()) == {"cached"})
    assert _stages(cloud) == {"host1": "cached", "host2": "cached"}
    for host, files in (("host1", 1), ("host2", 1), ("host3", 0), ("host4", 0)):
        assert len(_files(cloud, host)) == files
    wait_until("placement to know", lambda: _known_to_placement(cloud, image_id) == {"host1", "host2"})
    told = cloud.command("host", "images", "--data", str(cloud.folder.root)).stdout
    assert {line.split("\t")[2] for line in told.splitlines()} == {"host1", "host2"}
    first = [cloud.demo.create_active(f"first-{number}") for number in range(2)]
    assert Counter(cloud.host_of(server).name for server in first) == {"host1": 1, "host2": 1}
    more = [cloud.demo.create_active(f"more-{number}") for number in range(10)]
    homes = Counter(cloud.host_of(server).name for server in (*first, *more))
    assert set(homes) == {"host1", "host2", "host3", "host4"}
    assert max(homes.values()) <= 12 / 4 + 4
    cloud.demo.delete_and_wait(*first, *more)


def test_the_wish_for_an_image_outlives_agents_and_controller(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=2, cells=2)
    image_id, number = _image_id(cloud), _aggregate_of(cloud, "host1", "host2")
    cloud.kill("agent")
    assert _cache(cloud, number, image_id).status_code == 202
    cloud.kill("controller")
    cloud.up()
    wait_until("both hosts to have it", lambda: set(_stages(cloud).values()) == {"cached"})
    assert all(len(_files(cloud, host)) == 1 for host in ("host1", "host2"))
    wait_until("placement to know", lambda: _known_to_placement(cloud, image_id) == {"host1", "host2"})
    cloud.wait_back("agent", cloud.kill("agent"))
    assert _known_to_placement(cloud, image_id) == {"host1", "host2"}


def test_an_image_that_is_gone_fails_with_a_reason_and_leaves_nothing(make_cloud: MakeCloud) -> None:
    cloud = make_cloud(hosts=1, cells=1)
    (host,) = cloud.host_names
    image_id, number = _image_id(cloud), _aggregate_of(cloud, host)
    cloud.kill("agent")
    assert _cache(cloud, number, image_id).status_code == 202
    cloud.admin.ask("DELETE", f"/image/v2/images/{image_id}")

    def reason() -> str:
        (asked,) = cloud.admin.get("/compute/native/v1/precaches")["precaches"]
        return next((str(one["reason"]) for one in asked["hosts"] if one["tries"]), "")

    assert "gone" in wait_until("the host to say why", reason)
    assert _files(cloud, host) == []
    assert _known_to_placement(cloud, image_id) == set()
