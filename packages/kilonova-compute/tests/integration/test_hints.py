"""Hints and forced hosts, talked through: what placement is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from compute_world import World
from kilonova_kit.ids import new_uuid


async def ask(
    world: World, who: str = "alice", hints: dict[str, Any] | None = None, version: str = "", **more: Any
) -> Any:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1", **more}
    body = {"server": wanted} if hints is None else {"server": wanted, "os:scheduler_hints": hints}
    return await world.ask(who, "POST", "/servers", body, version)


async def place(world: World, hints: dict[str, Any], who: str = "alice") -> dict[str, Any]:
    """The place that placement was asked for."""
    reply = await ask(world, who, hints)
    assert reply.status == 202, reply.body
    return dict(world.placement.requests[-1].get("place", {}))


async def test_servers_that_are_named_keep_a_new_one_near_or_away(world: World) -> None:
    first = await world.boot()
    assert await place(world, {"different_host": [first]}) == {"not_hosts": ["alpha"]}
    assert await place(world, {"same_host": first}) == {"hosts": ["alpha"]}
    assert await place(world, {"same_host": new_uuid()}) == {"hosts": []}
    assert await place(world, {"different_host": new_uuid()}) == {}


async def test_a_server_on_its_way_to_its_host_is_known_there(world: World) -> None:
    first = await world.boot(settle=False)
    assert await place(world, {"different_host": first}) == {"not_hosts": ["alpha"]}


async def test_nobody_learns_where_others_servers_are(world: World) -> None:
    first = await world.boot("bob")
    assert await place(world, {"same_host": first}) == {"hosts": []}
    assert await place(world, {"same_host": first}, "admin") == {"hosts": ["alpha"]}


async def test_an_address_and_a_width_make_a_network(world: World) -> None:
    assert await place(world, {"build_near_host_ip": "192.0.2.77"}) == {"network": "192.0.2.0/24"}
    assert await place(world, {"build_near_host_ip": "192.0.2.77", "cidr": "/30"}) == {"network": "192.0.2.76/30"}
    assert await place(world, {"cidr": "/30"}) == {}


async def test_a_question_about_hosts_leaves_those_that_answer_it(world: World) -> None:
    first = await world.boot()
    assert await place(world, {"query": '["in", "$host", "alpha", "gamma"]'}) == {"hosts": ["alpha", "gamma"]}
    assert await place(world, {"query": '["=", "$host", "gamma"]', "same_host": first}) == {"hosts": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {"different_host": "web"},
        {"same_host": [7]},
        {"query": 7},
        {"query": '["near", "$host"]'},
        {"query": {"a": "b"}},
        {"build_near_host_ip": "here"},
        {"build_near_host_ip": "192.0.2.7", "cidr": "/99"},
        {"cidr": "24"},
    ],
)
async def test_hints_that_make_no_sense_are_refused(world: World, wrong: dict[str, Any]) -> None:
    assert (await ask(world, hints=wrong)).status == 400
    assert world.placement.requests == []


async def test_hints_are_shown_as_they_were_given(world: World) -> None:
    reply = await ask(world, hints={"own": 5, "different_host": [new_uuid()]})
    shown = (await world.get("alice", f"/servers/{reply.json()['server']['id']}", "2.100"))["server"]
    assert shown["scheduler_hints"]["own"] == ["5"]


# --- forced hosts


async def test_an_administrator_forces_a_host(world: World) -> None:
    for text in ("nova:beta", "nova:beta:beta", "nova::beta", ":beta"):
        reply = await ask(world, "admin", availability_zone=text)
        assert reply.status == 202, reply.body
        assert world.placement.requests[-1]["place"] == {"host": "beta"}
    assert (await ask(world, availability_zone="nova:beta")).status == 403


async def test_since_2_74_a_host_is_asked_for_by_its_own_field(world: World) -> None:
    for field in ("host", "hypervisor_hostname"):
        reply = await ask(world, "admin", version="2.74", networks="none", **{field: "beta"})
        assert reply.status == 202, reply.body
        assert world.placement.requests[-1]["place"] == {"host": "beta"}
        assert (await ask(world, version="2.74", networks="none", **{field: "beta"})).status == 403
        assert (await ask(world, "admin", version="2.73", networks="none", **{field: "beta"})).status == 400
    zoned = await ask(world, "admin", version="2.74", networks="none", host="beta", availability_zone="nova")
    assert (zoned.status, world.placement.requests[-1]["place"]) == (202, {"zone": "nova", "host": "beta"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"availability_zone": "nova:nowhere"},
        {"availability_zone": "nova:beta:gamma"},
        {"availability_zone": "nova:a:b:c"},
        {"availability_zone": "elsewhere"},
        {"host": "nowhere"},
        {"hypervisor_hostname": "nowhere"},
        {"host": "beta", "hypervisor_hostname": "gamma"},
        {"host": "beta", "availability_zone": "nova:beta"},
    ],
)
async def test_hosts_that_are_not_there_are_refused(world: World, wrong: dict[str, Any]) -> None:
    reply = await ask(world, "admin", version="2.74", networks="none", **wrong)
    assert (reply.status, world.placement.requests) == (400, [])


async def test_a_forced_host_takes_also_whom_it_is_not_for(world: World) -> None:
    made = await world.ask("admin", "POST", "/os-aggregates", {"aggregate": {"name": "private"}})
    action = f"/os-aggregates/{made.json()['aggregate']['id']}/action"
    await world.ask("admin", "POST", action, {"add_host": {"host": "beta"}})
    await world.ask("admin", "POST", action, {"set_metadata": {"metadata": {"instance_type": "m1.huge"}}})
    await ask(world, "admin", availability_zone="nova:beta")
    assert world.placement.requests[-1]["place"] == {"host": "beta", "carries": ["instance_type:m1.huge"]}


async def test_a_server_shows_the_zone_of_its_host(world: World) -> None:
    made = await world.ask("admin", "POST", "/os-aggregates", {"aggregate": {"name": "east", "availability_zone": "e"}})
    action = f"/os-aggregates/{made.json()['aggregate']['id']}/action"
    assert (await world.ask("admin", "POST", action, {"add_host": {"host": "alpha"}})).status == 200
    server = await world.boot()
    shown = (await world.get("alice", f"/servers/{server}", "2.96"))["server"]
    assert (shown["OS-EXT-AZ:availability_zone"], shown["pinned_availability_zone"]) == ("e", None)
