"""What a server's flavor and image ask for reaches placement and the host, or is refused while the client waits."""

from typing import Any

import msgspec
from compute_world import World
from kilonova_compute.store import requests as request_store


async def specs(world: World, **given: str) -> None:
    reply = await world.ask("admin", "POST", "/flavors/1/os-extra_specs", {"extra_specs": given}, "2.1")
    assert reply.status == 200, reply.body


def claims_asked_for(world: World) -> list[Any]:
    """The requests that placement was asked to hold; noted from now on."""
    asked: list[Any] = []
    answer = world.placement.answer

    def noting(method: str, path: list[str], query: dict[str, list[str]], body: Any) -> Any:
        if method == "POST" and path[2:] == ["claims"]:
            asked.append(body["request"])
        return answer(method, path, query, body)

    world.placement.answer = noting
    return asked


async def test_traits_and_amounts_are_claimed_and_written_down(world: World) -> None:
    await specs(world, **{"trait:CUSTOM_A": "required", "trait:CUSTOM_B": "forbidden", "resources:CUSTOM_X": "2"})
    await specs(world, **{"resources:DISK_GB": "0"})
    image = world.images.add(**{"trait:CUSTOM_I": "required"})
    asked = claims_asked_for(world)
    server_id = await world.boot(imageRef=image)
    (request,) = asked
    assert request["resources"] == {"VCPU": 1, "MEMORY_MB": 128, "CUSTOM_X": 2}
    assert (request["required_traits"], request["forbidden_traits"]) == (["CUSTOM_A"], ["CUSTOM_B"])
    assert request["image"] == {"image_id": image, "traits": ["CUSTOM_I"]}
    kept = await world.compute.cells.database.read(lambda tx: request_store.find(tx, server_id))
    assert msgspec.to_builtins(kept)["image_traits"] == ("CUSTOM_I",)


async def test_devices_are_as_the_image_says(world: World) -> None:
    image = world.images.add(
        hw_disk_bus="scsi", hw_vif_model="e1000", hw_machine_type="q35", img_config_drive="mandatory"
    )
    server_id = await world.boot(imageRef=image)
    (wish,) = world.hosts.wishes(server_id)
    assert (wish.disks[0].bus, wish.nic_model, wish.machine, wish.config_drive) == ("scsi", "e1000", "q35", True)
    assert (await world.get("alice", f"/servers/{server_id}"))["server"]["config_drive"] == "True"


async def test_dedicated_cores_are_claimed_and_the_host_is_told_where_they_are(world: World) -> None:
    flavor = await world.ask(
        "admin", "POST", "/flavors", {"flavor": {"name": "own", "id": "own", "vcpus": 4, "ram": 512, "disk": 1}}
    )
    assert flavor.status == 200, flavor.body
    own = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-1", "hw:numa_nodes": "1", "hw:cpu_sockets": "2"}
    await world.ask("admin", "POST", "/flavors/own/os-extra_specs", {"extra_specs": own}, "2.1")
    asked = claims_asked_for(world)
    server_id = await world.boot(flavorRef="own")
    (request,) = asked
    assert request["resources"] == {"DISK_GB": 1}
    assert request["numa"]["cells"] == [{"memory_mb": 512, "dedicated_cores": 2, "shared_cores": 2}]
    (wish,) = world.hosts.wishes(server_id)
    (cell,) = wish.layout.cells
    assert (cell.cpus, cell.memory_mib, cell.provider_id) == ((0, 1, 2, 3), 512, world.placement.live()[0]["host_id"])
    assert wish.layout.dedicated_cpus == (0, 1)
    assert msgspec.to_builtins(wish.layout.topology) == {"sockets": 2, "cores": 2, "threads": 1}
    shown = (await world.client.request("GET", f"/native/v1/servers/{server_id}/request", token="watcher")).json()
    assert shown["request"]["layout"]["cells"] == [{"cpus": [0, 1, 2, 3], "memory_mb": 512, "dedicated": [0, 1]}]


async def test_the_topology_of_a_server_is_shown_and_the_hosts_part_to_administrators_only(world: World) -> None:
    await specs(world, **{"hw:numa_nodes": "1", "hw:mem_page_size": "large"})
    laid_out = await world.boot()
    shown = await world.get("alice", f"/servers/{laid_out}/topology", "2.78")
    assert shown == {"nodes": [{"vcpu_set": [0], "siblings": [], "memory_mb": 128}], "pagesize_kb": 1048576}
    (node,) = (await world.get("admin", f"/servers/{laid_out}/topology", "2.78"))["nodes"]
    assert (node["host_node"], node["cpu_pinning"]) == (0, {})
    await world.ask("admin", "DELETE", "/flavors/1/os-extra_specs/hw:numa_nodes", None, "2.1")
    await world.ask("admin", "DELETE", "/flavors/1/os-extra_specs/hw:mem_page_size", None, "2.1")
    plain = await world.boot()
    assert await world.get("alice", f"/servers/{plain}/topology", "2.78") == {"nodes": [], "pagesize_kb": None}


async def test_devices_and_groups_are_claimed_and_the_host_is_told_of_what_it_gave(world: World) -> None:
    await specs(world, **{"device:CUSTOM_GPU": "2", "resources1:CUSTOM_NIC": "1", "trait1:CUSTOM_FAST": "required"})
    asked = claims_asked_for(world)
    server_id = await world.boot()
    (request,) = asked
    assert request["devices"] == [{"resource_class": "CUSTOM_GPU", "count": 2}]
    assert request["bundles"] == [
        {"name": "1", "resources": {"CUSTOM_NIC": 1}, "required_traits": ["CUSTOM_FAST"]},
    ]
    (wish,) = world.hosts.wishes(server_id)
    assert [(one.resource_class, one.count) for one in wish.devices] == [("CUSTOM_GPU", 2), ("CUSTOM_NIC", 1)]


async def test_an_image_may_not_override_what_the_flavor_lays_out(world: World) -> None:
    await specs(world, **{"hw:numa_nodes": "1"})
    image = world.images.add(hw_numa_nodes="1")
    wanted = {"name": "web", "imageRef": image, "flavorRef": "1"}
    reply = await world.ask("alice", "POST", "/servers", {"server": wanted})
    words = "Image property 'hw_numa_nodes' is not permitted to override NUMA configuration set against the flavor"
    assert (reply.status, reply.json()["badRequest"]["message"]) == (400, words)


async def test_an_unknown_alias_is_a_400(world: World) -> None:
    await specs(world, **{"pci_passthrough:alias": "gpu:1"})
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1"}
    reply = await world.ask("alice", "POST", "/servers", {"server": wanted})
    assert (reply.status, reply.json()["badRequest"]["message"]) == (400, "PCI alias gpu is not defined")


async def test_what_cannot_be_honoured_is_a_400_and_nothing_is_claimed(world: World) -> None:
    await specs(world, **{"hw:cpu_realtime": "true"})
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1"}
    reply = await world.ask("alice", "POST", "/servers", {"server": wanted})
    words = "The extra spec hw:cpu_realtime=true cannot be honoured: no host runs guests in real time."
    assert (reply.status, reply.json()["badRequest"]["message"]) == (400, words)
    image = world.images.add(hw_firmware_type="uefi")
    reply = await world.ask("alice", "POST", "/servers", {"server": {**wanted, "imageRef": image, "flavorRef": "2"}})
    assert (reply.status, "hw_firmware_type=uefi" in reply.json()["badRequest"]["message"]) == (400, True)
    assert (world.placement.live(), await world.servers()) == ([], [])


async def test_a_server_reads_its_request_back(world: World) -> None:
    server_id = await world.boot(flavorRef="vcpus=1,ram=64,disk=2,trait:CUSTOM_A=required")
    reply = await world.client.request("GET", f"/native/v1/servers/{server_id}/request", token="watcher")
    assert reply.status == 200, reply.body
    shown = reply.json()["request"]
    assert (shown["resources"], shown["required_traits"]) == ({"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 2}, ["CUSTOM_A"])
    assert shown["flavor"] == "vcpus=1,ram=64,disk=2,trait:CUSTOM_A=required"
