"""A port says by itself which server it belongs to, and its owner may write anything there: it is not believed."""

from __future__ import annotations

from typing import Any

from compute_world import World
from kilonova_compute.reconcilers.port_wirings import PortWirings


def _planted(world: World, server_id: str, host: str = "") -> dict[str, Any]:
    """Bob's port that names Alice's server."""
    network = world.network.add_network("bobs", project_id="blue", shared=False)
    return world.network.add_port(
        project_id="blue",
        network_id=network,
        device_id=server_id,
        device_owner="compute:nova",
        **{"binding:host_id": host},
    )


async def test_a_strangers_port_does_not_become_part_of_a_server(world: World) -> None:
    server_id = await world.boot()
    port = _planted(world, server_id)
    shown = await world.get("alice", f"/servers/{server_id}/os-interface")
    assert port["id"] not in [one["port_id"] for one in shown["interfaceAttachments"]]
    assert (await world.act("alice", server_id, {"reboot": {"type": "HARD"}})).status == 202
    await world.settle()
    wired = [one.port_id for wish in world.hosts.wishes(server_id) for one in wish.ports]
    assert wired
    assert port["id"] not in wired


async def test_a_strangers_port_outlives_the_server_that_it_names(world: World) -> None:
    server_id = await world.boot()
    port = _planted(world, server_id)
    assert (await world.ask("alice", "DELETE", f"/servers/{server_id}")).status == 204
    await world.settle()
    assert list(world.network.ports) == [port["id"]]


async def test_a_bound_port_that_is_pointed_at_a_strangers_server_is_not_wired_to_it(world: World) -> None:
    server_id = await world.boot()
    server = await world.server(server_id)
    assert server is not None
    host = world.compute.hosts[server.host_id or ""]
    reconcile = PortWirings(world.compute)
    await reconcile()
    own = next(port for port in world.network.ports.values() if port["device_id"] == server_id)
    told = list(world.hosts.wired)
    assert [server for server, _ in told] == [server_id]  # a new controller tells every host once
    _planted(world, server_id, host.name)
    await reconcile()
    assert world.hosts.wired == told
    own["admin_state_up"] = False
    await reconcile()
    (_, (_, told)) = world.hosts.wired
    assert [port.port_id for port in told] == [own["id"]]


async def test_a_server_is_not_made_with_another_projects_port(world: World) -> None:
    port = world.network.add_port(project_id="blue")
    body = {
        "server": {
            "name": "web",
            "imageRef": world.images.image_id,
            "flavorRef": "1",
            "networks": [{"port": port["id"]}],
        }
    }
    reply = await world.ask("alice", "POST", "/servers", body)
    assert (reply.status, port["device_id"]) == (400, "")
    assert "not usable" in reply.message()


async def test_hosts_get_routes_only_to_networks_that_everybody_shares(world: World) -> None:
    own = world.network.add_network("own", project_id="red", shared=False)
    server_id = await world.boot(networks=[{"uuid": own}, {"uuid": world.network.network_id}])
    (wish,) = world.hosts.wishes(server_id)
    assert {port.network_id: port.routed for port in wish.ports} == {own: False, world.network.network_id: True}
