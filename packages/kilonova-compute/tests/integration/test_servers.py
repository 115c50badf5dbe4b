"""Servers: created, shown, changed, deleted, each as a conversation."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compute_fakes import no_pulse
from compute_world import HOSTS, World
from kilonova_compute.app.compute import Limits
from kilonova_compute.model.servers import VmState
from kilonova_compute.store import index as index_store
from kilonova_kit.ids import new_uuid
from kilonova_messages.steps import StepError


async def _refused(world: World, status: int, version: str = "2.1", who: str = "alice", **more: Any) -> str:
    """Ask for a server and be refused; the words."""
    wanted: dict[str, Any] = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1", **more}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    reply = await world.ask(who, "POST", "/servers", {"server": wanted}, version)
    assert reply.status == status, reply.body
    return reply.message()


async def test_a_server_is_created_and_answered_at_once(world: World) -> None:
    reply = await world.ask(
        "alice", "POST", "/servers", {"server": {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1"}}
    )
    assert reply.status == 202
    server = reply.json()["server"]
    assert set(server) == {"id", "links", "adminPass", "OS-DCF:diskConfig", "security_groups"}
    assert len(server["adminPass"]) == 12
    assert reply.headers["location"] == f"http://cloud/compute/v2.1/servers/{server['id']}"
    building = await world.get("alice", f"/servers/{server['id']}")
    assert building["server"]["status"] in ("BUILD", "ACTIVE")
    await world.settle()
    built = (await world.get("alice", f"/servers/{server['id']}"))["server"]
    assert (built["status"], built["OS-EXT-STS:power_state"]) == ("ACTIVE", 1)


async def test_a_password_that_is_given_is_kept_until_the_guest_is_built(world: World) -> None:
    server_id = await world.boot(adminPass="given")
    server = await world.server(server_id)
    assert server is not None
    assert server.admin_password == ""


async def test_a_server_that_finds_no_host_is_in_error_and_says_why(world: World) -> None:
    world.placement.hosts.clear()
    server_id = await world.boot()
    shown = (await world.get("alice", f"/servers/{server_id}"))["server"]
    assert shown["status"] == "ERROR"
    assert shown["fault"]["code"] == 500
    assert "No valid host was found" in shown["fault"]["message"]
    assert "details" not in shown["fault"]
    assert shown["hostId"] == ""
    assert (await world.ask("alice", "DELETE", f"/servers/{server_id}")).status == 204
    await world.settle()
    assert (await world.ask("alice", "GET", f"/servers/{server_id}")).status == 404


async def test_many_servers_are_numbered_and_share_a_reservation(world: World) -> None:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1", "min_count": 2, "max_count": "3"}
    reply = await world.ask("alice", "POST", "/servers", {"server": {**wanted, "return_reservation_id": True}})
    assert reply.status == 202
    reservation = reply.json()["reservation_id"]
    await world.settle()
    listed = await world.get(
        "alice", f"/servers/detail?reservation_id={reservation}&sort_key=display_name&sort_dir=asc"
    )
    assert [server["name"] for server in listed["servers"]] == ["web-1", "web-2", "web-3"]


_WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": " web"}, "name"),
    ({"name": "x" * 256}, "name"),
    ({"imageRef": "not-a-uuid"}, "imageRef"),
    ({"imageRef": ""}, "Invalid imageRef provided."),
    ({"imageRef": None}, "Invalid imageRef provided."),
    ({"imageRef": "6c6bdc3e-0000-4000-8000-000000000000"}, "Can not find requested image"),
    ({"flavorRef": None}, "'flavorRef' is a required property"),
    ({"flavorRef": "77"}, "Flavor 77 could not be found."),
    ({"key_name": "none-such"}, "Invalid key_name provided."),
    ({"min_count": 0}, "less than the minimum"),
    ({"min_count": "x"}, "does not match"),
    ({"min_count": 3, "max_count": 2}, "min_count must be <= max_count"),
    ({"user_data": "!!"}, "base64"),
    ({"user_data": "A" * 65540}, "user_data"),
    ({"accessIPv4": "1.1.1.256"}, "ipv4"),
    ({"accessIPv6": "1.1.1.1"}, "ipv6"),
    ({"metadata": {"k": "v" * 256}}, "too long"),
    ({"metadata": {"k" * 256: "v"}}, "does not match"),
    ({"metadata": {"k": 1}}, "not of type 'string'"),
    ({"security_groups": [{"name": "none-such"}]}, "Security group none-such not found"),
    ({"networks": [{"uuid": "x"}]}, "network uuid is not in proper format"),
    ({"networks": [{}]}, "missing 'uuid'"),
    ({"networks": "auto"}, "networks"),
    ({"config_drive": "perhaps"}, "config_drive"),
    ({"description": "from 2.19 on"}, "Additional properties"),
    ({"wheels": 4}, "Additional properties"),
    ({"OS-DCF:diskConfig": "SOME"}, "diskConfig"),
]


async def test_a_wrong_field_is_a_400_that_names_it(world: World) -> None:
    for more, words in _WRONG:
        assert words in await _refused(world, 400, **more), more


async def test_fields_come_and_go_with_versions(world: World) -> None:
    net: dict[str, Any] = {"networks": "none"}
    await _refused(world, 400, "2.51", tags=["a"], **net)
    await _refused(world, 202, "2.52", tags=["a"], **net)
    await _refused(world, 202, "2.56", personality=[], **net)
    await _refused(world, 400, "2.57", personality=[], **net)
    await _refused(world, 400, "2.89", hostname="web", **net)
    await _refused(world, 202, "2.90", hostname="web", **net)
    await _refused(world, 400, "2.90", hostname="web.example.org", **net)
    await _refused(world, 202, "2.94", hostname="web.example.org", **net)
    assert "'networks' is a required property" in await _refused(world, 400, "2.37")
    tagged = {"networks": [{"uuid": world.network.network_id, "tag": "x"}]}
    await _refused(world, 400, "2.31", **tagged)
    await _refused(world, 202, "2.32", **tagged)
    await _refused(world, 400, "2.41", **tagged)
    await _refused(world, 202, "2.42", **tagged)
    await world.settle()


async def test_only_the_image_as_local_root_disk_is_taken_as_a_block_device(world: World) -> None:
    image_id = world.images.image_id
    root = {"source_type": "image", "destination_type": "local", "boot_index": 0, "uuid": image_id}
    await _refused(world, 202, imageRef=None, block_device_mapping_v2=[root])
    volume = {**root, "source_type": "volume", "destination_type": "volume"}
    assert "not supported" in await _refused(world, 400, imageRef=None, block_device_mapping_v2=[volume])
    assert "not supported" in await _refused(world, 400, block_device_mapping=[{"volume_id": image_id}])
    await world.settle()


async def test_a_chosen_host_is_for_administrators(world: World) -> None:
    await _refused(world, 403, availability_zone="nova:gamma")
    await _refused(world, 403, "2.74", host="gamma", networks="none")
    server_id = await world.boot("admin", availability_zone="nova:gamma")
    shown = await world.get("admin", f"/servers/{server_id}")
    assert shown["server"]["OS-EXT-SRV-ATTR:host"] == "gamma"


async def test_a_port_of_ones_own_is_used_and_let_go(world: World) -> None:
    port = world.network.add_port(project_id="red")
    server_id = await world.boot(networks=[{"port": port["id"]}])
    assert port["device_id"] == server_id
    shown = await world.get("alice", f"/servers/{server_id}/os-interface/{port['id']}")
    assert shown["interfaceAttachment"]["mac_addr"] == port["mac_address"]
    assert "in use" in await _refused(world, 409, networks=[{"port": port["id"]}])
    assert (await world.ask("alice", "DELETE", f"/servers/{server_id}")).status == 204
    await world.settle()
    assert world.network.ports[port["id"]]["device_id"] == ""


async def test_a_server_without_networks_has_no_addresses(world: World) -> None:
    await _refused(world, 202, "2.37", networks="none")
    await world.settle()
    (server,) = (await world.get("alice", "/servers/detail"))["servers"]
    assert server["addresses"] == {}
    assert "security_groups" not in server
    assert not world.network.ports


async def test_limits_are_kept(tmp_path: Path) -> None:
    world = World(tmp_path, limits=Limits(instances=3, metadata_items=1))
    await world.start()
    assert "metadata items" in await _refused(world, 403, metadata={"a": "1", "b": "2"})
    await world.boot()
    await _refused(world, 403, min_count=3)
    await _refused(world, 202, min_count=1, max_count=9)
    await world.settle()
    assert len((await world.get("alice", "/servers"))["servers"]) == 3
    assert "Quota exceeded for instances" in await _refused(world, 403)
    await world.stop()


async def test_a_group_that_is_named_by_its_id_shows_its_name(world: World) -> None:
    group_id = world.network.add_group("web", "red")
    server_id = await world.boot(security_groups=[{"name": group_id}, {"name": "default"}])
    shown = (await world.get("alice", f"/servers/{server_id}"))["server"]
    assert shown["security_groups"] == [{"name": "web"}, {"name": "default"}]
    (port,) = world.network.ports.values()
    assert port["security_groups"][0] == group_id
    assert len(port["security_groups"]) == 2


async def test_a_zone_without_hosts_is_not_available(world: World) -> None:
    assert await _refused(world, 400, availability_zone="mars") == "The requested availability zone is not available"


async def test_one_server_of_a_cell_that_is_down_is_shown_from_2_69_on(world: World) -> None:
    server_id = await world.boot()
    server = await world.server(server_id)
    assert server is not None
    await world.compute.carriers[server.cell].close()
    await world.compute.cells.get(server.cell).database.close()
    assert (await world.ask("alice", "GET", f"/servers/{server_id}", version="2.68")).status == 503
    shown = (await world.get("alice", f"/servers/{server_id}", "2.71"))["server"]
    assert (shown["status"], shown["OS-EXT-AZ:availability_zone"]) == ("UNKNOWN", "UNKNOWN")
    assert set(shown) == {
        "id", "status", "links", "tenant_id", "created", "user_id", "image", "flavor", "OS-EXT-AZ:availability_zone",
        "OS-EXT-STS:power_state", "server_groups",
    }  # fmt: skip
    assert (await world.ask("bob", "GET", f"/servers/{server_id}", version="2.71")).status == 404


async def test_a_server_is_changed(world: World) -> None:
    server_id = await world.boot()
    body = {"server": {"name": "db", "description": None, "accessIPv4": "192.0.2.1", "accessIPv6": "2001:0db8::0001"}}
    reply = await world.ask("alice", "PUT", f"/servers/{server_id}", body, "2.19")
    assert reply.status == 200
    server = reply.json()["server"]
    assert (server["name"], server["description"]) == ("db", None)
    assert (server["accessIPv4"], server["accessIPv6"]) == ("192.0.2.1", "2001:db8::1")
    listed = await world.get("alice", "/servers")
    assert listed["servers"][0]["name"] == "db"
    for wrong in ({"name": ""}, {"name": "x" * 256}, {"accessIPv4": "x"}, {"wheels": 4}, {"hostname": "db"}):
        reply = await world.ask("alice", "PUT", f"/servers/{server_id}", {"server": wrong}, "2.19")
        assert reply.status == 400, wrong


async def test_a_zone_is_pinned_and_let_go_from_2_104_on(world: World) -> None:
    server_id = await world.boot()
    path = f"/servers/{server_id}"

    async def pin(zone: str | None, version: str = "2.104") -> int:
        body = {"server": {"pinned_availability_zone": zone}}
        return (await world.ask("alice", "PUT", path, body, version)).status

    assert await pin("nova", "2.103") == 400
    assert await pin("elsewhere") == 409
    assert await pin("nova") == 200
    assert await pin("other") == 409
    assert await pin(None) == 200
    assert (await world.get("alice", path, "2.104"))["server"]["pinned_availability_zone"] is None


async def test_a_deleted_server_is_gone_for_its_owner(world: World) -> None:
    server_id = await world.boot()
    assert (await world.ask("alice", "DELETE", f"/servers/{server_id}")).status == 204
    await world.settle()
    reply = await world.ask("alice", "GET", f"/servers/{server_id}")
    assert (reply.status, reply.message()) == (404, f"Instance {server_id} could not be found.")
    assert (await world.ask("alice", "DELETE", f"/servers/{server_id}")).status == 404
    assert (await world.get("alice", "/servers"))["servers"] == []
    assert world.hosts.all_guests() == []
    assert world.placement.live() == []


async def test_a_strangers_server_does_not_exist(world: World) -> None:
    server_id = await world.boot()
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", {"server": {"name": "mine"}}),
        ("DELETE", "", None),
        ("POST", "/action", {"os-stop": None}),
        ("GET", "/metadata", None),
        ("GET", "/ips", None),
        ("GET", "/os-instance-actions", None),
    ):
        reply = await world.ask("bob", method, f"/servers/{server_id}{path}", body)
        assert reply.status == 404, path
    assert (await world.ask("alice", "GET", f"/servers/{new_uuid()}")).status == 404


async def test_user_data_is_kept_as_it_was_given(world: World) -> None:
    given = base64.b64encode(b"#!/bin/sh").decode()
    server_id = await world.boot(user_data=given)
    shown = await world.get("admin", f"/servers/{server_id}", "2.3")
    assert shown["server"]["OS-EXT-SRV-ATTR:user_data"] == given


async def test_a_cell_that_is_down_still_lists_and_says_so_from_2_69_on(world: World) -> None:
    server_id = await world.boot()
    server = await world.server(server_id)
    assert server is not None
    world.compute.carriers[server.cell].reachable = False
    plain = (await world.get("alice", "/servers/detail", "2.68"))["servers"][0]
    assert plain["status"] == "ACTIVE"
    partial = (await world.get("alice", "/servers/detail", "2.69"))["servers"][0]
    assert set(partial) == {"id", "status", "tenant_id", "created", "links"}
    assert partial["status"] == "UNKNOWN"
    brief = (await world.get("alice", "/servers", "2.69"))["servers"][0]
    assert set(brief) == {"id", "status", "links"}


async def test_an_own_network_without_subnets_does_not_hide_a_shared_one(world: World) -> None:
    world.network.add_network("bare", project_id="red", shared=False, subnets=[])
    server_id = await world.boot()
    shown = (await world.get("alice", f"/servers/{server_id}"))["server"]
    assert list(shown["addresses"]) == ["private"]


async def test_a_claim_that_expired_before_it_could_be_bound_is_made_again(world: World) -> None:
    server_id = await _claimed_only(world)
    world.placement.expire_held()
    first = world.placement.claims[server_id]
    world.placement.claims[f"{server_id}.again"] = {**first, "claim_id": f"{server_id}.again"}  # as a crash left it
    world.placement.away = False
    await world.settle()
    assert (await world.get("alice", f"/servers/{server_id}"))["server"]["status"] == "ACTIVE"
    assert len(world.placement.live()) == 1


async def _claimed_only(world: World) -> str:
    """A server whose claim is held; placement has gone away before it could be bound."""

    async def go_away() -> None:
        world.placement.away = True

    world.placement.pulse = go_away
    server_id = await world.boot(settle=False)
    await world.compute.engine.drain()
    world.placement.pulse = no_pulse
    return server_id


@pytest.mark.parametrize("refused", [True, False])
async def test_the_password_of_a_server_that_cannot_be_is_forgotten(world: World, refused: bool) -> None:
    if refused:
        world.placement.hosts.clear()
    else:
        world.hosts.refusals = {f"id-{name}": StepError(code="internal", message="no") for name in HOSTS}
    server_id = await world.boot(adminPass="secret")
    server = await world.server(server_id)
    assert server is not None
    assert (server.vm_state, server.admin_password) == (VmState.ERROR, "")


async def test_an_interface_shows_the_tag_that_it_was_asked_for_with(world: World) -> None:
    other = world.network.add_network("other")
    networks = [{"uuid": world.network.network_id}, {"uuid": other, "tag": "fast"}]
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1", "networks": networks}
    reply = await world.ask("alice", "POST", "/servers", {"server": wanted}, "2.42")
    server_id = reply.json()["server"]["id"]
    await world.settle()
    path = f"/servers/{server_id}/os-interface"
    shown = (await world.get("alice", path, "2.70"))["interfaceAttachments"]
    assert {one["net_id"]: one["tag"] for one in shown} == {world.network.network_id: None, other: "fast"}
    port = next(one["port_id"] for one in shown if one["tag"])
    assert (await world.get("alice", f"{path}/{port}", "2.70"))["interfaceAttachment"]["tag"] == "fast"
    assert "tag" not in (await world.get("alice", f"{path}/{port}", "2.69"))["interfaceAttachment"]


async def test_a_server_of_a_cell_that_has_just_appeared_is_not_missing(world: World) -> None:
    server = await world.server(await world.boot())
    assert server is not None
    elsewhere = msgspec.structs.replace(server, id=new_uuid(), cell="cell9")
    await world.compute.cells.database.write(lambda tx: index_store.put(tx, [(elsewhere, 1)]))
    assert (await world.ask("alice", "GET", f"/servers/{elsewhere.id}")).status == 503
    for cell, status in (("cell9", 404), ("cell1", 200)):
        assert (await world.client.request("POST", "/host-tokens", json={"cell": cell}, token="admin")).status == status
