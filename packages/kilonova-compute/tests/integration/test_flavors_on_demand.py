"""Flavors that exist by being asked for: a server is made of one, and shows it."""

from typing import Any

import pytest
from compute_world import World
from kilonova_compute.model.flavors_on_demand import OnDemand

TEXT = "vcpus=3,ram=2500,disk=7"


async def refused(world: World, flavor: str) -> tuple[int, str]:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": flavor}
    reply = await world.ask("alice", "POST", "/servers", {"server": wanted})
    (error,) = reply.json().values()
    return reply.status, error["message"]


async def test_a_flavor_on_demand_is_shown_as_any_other_and_never_listed(world: World) -> None:
    shown = (await world.get("alice", "/flavors/disk=7, ram=2500,vcpus=3"))["flavor"]
    assert (shown["id"], shown["name"]) == (TEXT, TEXT)
    assert (shown["vcpus"], shown["ram"], shown["disk"], shown["swap"]) == (3, 2500, 7, "")
    assert shown["links"][0]["href"].endswith(f"/flavors/{TEXT}")
    assert (await world.get("alice", f"/flavors/{TEXT}/os-extra_specs")) == {"extra_specs": {}}
    assert TEXT not in [one["id"] for one in (await world.get("admin", "/flavors?is_public=none"))["flavors"]]


async def test_a_wrong_text_is_a_400_and_another_id_a_404(world: World) -> None:
    reply = await world.ask("alice", "GET", "/flavors/vcpus=3,ram=two")
    assert (reply.status, "'ram=two'" in reply.json()["badRequest"]["message"]) == (400, True)
    assert (await world.ask("alice", "GET", "/flavors/a=b")).status == 404
    status, words = await refused(world, "vcpus=3")
    assert (status, words.startswith("Invalid flavor on demand: 'ram' is missing")) == (400, True)


async def test_a_flavor_on_demand_cannot_be_changed(world: World) -> None:
    path = f"/flavors/{TEXT}"
    assert (await world.ask("admin", "DELETE", path)).status == 404
    assert (await world.ask("admin", "POST", f"{path}/os-extra_specs", {"extra_specs": {"a": "b"}})).status == 404
    assert (await world.ask("admin", "POST", f"{path}/action", {"addTenantAccess": {"tenant": "x"}})).status == 404


@pytest.mark.parametrize("reference", [TEXT, f"http://cloud/compute/v2.1/flavors/{TEXT.replace(',', '%2C')}"])
async def test_a_server_is_made_of_what_was_asked_for(world: World, reference: str) -> None:
    server_id = await world.boot(flavorRef=reference)
    (claim,) = world.placement.live()
    assert claim["providers"][0]["amounts"] == {"VCPU": 3, "MEMORY_MB": 2500, "DISK_GB": 7}
    (wish,) = world.hosts.wishes(server_id)
    assert (wish.vcpus, wish.memory_mib, wish.disks[0].size_gib) == (3, 2500, 7)
    old = (await world.get("alice", f"/servers/{server_id}", "2.46"))["server"]["flavor"]
    assert (old["id"], old["links"][0]["href"].rsplit("/", 1)[-1]) == (TEXT, TEXT)
    new = (await world.get("alice", f"/servers/{server_id}", "2.47"))["server"]["flavor"]
    assert (new["original_name"], new["vcpus"], new["ram"], new["disk"]) == (TEXT, 3, 2500, 7)
    listed: dict[str, Any] = await world.get("alice", f"/servers?flavor={TEXT}")
    assert [one["id"] for one in listed["servers"]] == [server_id]


async def test_what_the_operator_forbids_is_a_403_that_says_why(world: World) -> None:
    world.compute.flavors_on_demand = {"*": OnDemand(max_ram=2499)}
    assert await refused(world, TEXT) == (
        403, "A flavor on demand may have ram=2499 at most here, and 2500 was asked for."
    )  # fmt: skip
    world.compute.flavors_on_demand = {"red": OnDemand(allowed=False)}
    assert (await refused(world, TEXT))[0] == 403
    assert world.placement.live() == []
    await world.boot(flavorRef="1")
