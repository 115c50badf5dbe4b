"""Servers in groups, talked through: who may join, who is a member and for how long, what placement is told."""

from __future__ import annotations

from typing import Any

import pytest
from compute_world import World
from kilonova_kit.ids import new_uuid


async def make_group(world: World, who: str = "alice", **wanted: Any) -> str:
    group = {"name": "web", "policy": "anti-affinity", **wanted}
    reply = await world.ask(who, "POST", "/os-server-groups", {"server_group": group}, "2.64")
    assert reply.status == 200, reply.body
    return str(reply.json()["server_group"]["id"])


async def members(world: World, group: str, who: str = "alice") -> list[str]:
    shown = await world.get(who, f"/os-server-groups/{group}")
    return list(shown["server_group"]["members"])


async def ask_in(world: World, group: Any, who: str = "alice", **more: Any) -> Any:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1", **more}
    body = {"server": wanted, "os:scheduler_hints": {"group": group}}
    return await world.ask(who, "POST", "/servers", body)


def told(world: World) -> list[Any]:
    """What placement was told of the groups of its claims."""
    return [request.get("group") for request in world.placement.requests]


async def test_a_server_is_a_member_of_its_group_until_it_is_deleted(world: World) -> None:
    group = await make_group(world, rules={"max_server_per_host": "2"})
    reply = await ask_in(world, group)
    assert reply.status == 202, reply.body
    server = reply.json()["server"]["id"]
    assert await members(world, group) == [server]
    assert told(world) == [{"group_id": group, "policy": "anti-affinity", "max_per_host": 2}]
    await world.settle()
    assert (await world.get("alice", f"/servers/{server}", "2.71"))["server"]["server_groups"] == [group]
    assert "server_groups" not in (await world.get("alice", f"/servers/{server}", "2.70"))["server"]
    renamed = await world.ask("alice", "PUT", f"/servers/{server}", {"server": {"name": "new"}}, "2.71")
    assert renamed.json()["server"]["server_groups"] == [group]
    await world.ask("alice", "DELETE", f"/servers/{server}")
    assert await members(world, group) == [server]
    await world.settle()
    assert await members(world, group) == []


async def test_many_servers_join_at_once_and_all_are_listed(world: World) -> None:
    group, other = await make_group(world), await make_group(world, policy="soft-affinity")
    assert (await ask_in(world, group, min_count=3)).status == 202
    listed = (await world.get("alice", "/os-server-groups"))["server_groups"]
    assert {one["id"]: len(one["members"]) for one in listed} == {group: 3, other: 0}
    await world.boot()
    assert len(await members(world, group)) == 3


async def test_a_group_that_is_not_there_or_a_strangers_is_refused(world: World) -> None:
    strangers = await make_group(world, "bob")
    for group in (new_uuid(), strangers):
        reply = await ask_in(world, group)
        assert (reply.status, "could not be found" in reply.message()) == (400, True)
    assert (await ask_in(world, strangers, "admin")).status == 202
    for wrong in ("web", [strangers], 7):
        assert (await ask_in(world, wrong)).status == 400
    assert await world.servers() == [] or {one.project_id for one in await world.servers()} == {"admins"}


async def test_a_group_that_was_deleted_takes_nobody_and_keeps_nobody(world: World) -> None:
    group = await make_group(world)
    server = (await ask_in(world, group)).json()["server"]["id"]
    await world.settle()
    assert (await world.ask("alice", "DELETE", f"/os-server-groups/{group}")).status == 204
    assert (await ask_in(world, group)).status == 400
    shown = (await world.get("alice", f"/servers/{server}", "2.71"))["server"]
    assert (shown["status"], shown["server_groups"]) == ("ACTIVE", [])


async def test_more_members_than_the_quota_has_are_refused_as_a_whole(world: World) -> None:
    quota = {"quota_set": {"server_group_members": 2}}
    assert (await world.ask("admin", "PUT", "/os-quota-sets/red", quota)).status == 200
    group = await make_group(world)
    refused = await ask_in(world, group, min_count=3)
    assert (refused.status, refused.message()) == (403, "Quota exceeded, too many servers in group")
    assert (await ask_in(world, group, min_count=2)).status == 202
    assert (await ask_in(world, group)).status == 403
    await world.settle()
    await world.ask("alice", "DELETE", f"/servers/{(await members(world, group))[0]}")
    await world.settle()
    assert (await ask_in(world, group)).status == 202


async def test_a_membership_without_a_server_ages_away(world: World) -> None:
    """A crash between the request and its server leaves one."""
    group = await make_group(world)
    world.placement.away = True
    assert (await ask_in(world, group)).status == 503
    assert len(await members(world, group)) == 1
    world.clock.now += 61
    assert await members(world, group) == []


async def test_a_server_that_found_no_host_is_a_member_in_error(world: World) -> None:
    group = await make_group(world)
    world.placement.hosts.clear()
    server = (await ask_in(world, group)).json()["server"]["id"]
    assert (await world.get("alice", f"/servers/{server}"))["server"]["status"] == "ERROR"
    assert await members(world, group) == [server]


async def test_a_claim_that_is_made_anew_is_told_of_the_group_again(world: World) -> None:
    group = await make_group(world)
    world.hosts.hold = True
    await ask_in(world, group)
    await world.compute.engine.drain()
    world.placement.expire_held()
    world.hosts.open_inboxes()
    await world.settle()
    assert all(one and one["group_id"] == group for one in told(world))


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        ({"kilonova:preferred_traits": "CUSTOM_B,CUSTOM_A"}, ["CUSTOM_A", "CUSTOM_B"]),
        ({"kilonova:preferred_traits": ["CUSTOM_A"]}, ["CUSTOM_A"]),
        ({"something:else": {"any": ["thing"]}}, []),
    ],
)
async def test_preferred_traits_and_priority_are_stored_and_told(
    world: World, hints: dict[str, Any], expected: list[str]
) -> None:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1"}
    body = {"server": wanted, "os:scheduler_hints": {**hints, "kilonova:priority": 7}}
    server = (await world.ask("alice", "POST", "/servers", body)).json()["server"]["id"]
    (request,) = world.placement.requests
    assert (request.get("preferred_traits", []), request["priority"]) == (expected, 7)
    shown = (await world.client.request("GET", f"native/v1/servers/{server}/request", token="alice")).json()["request"]
    assert (shown["preferred_traits"], shown["priority"]) == (expected, 7)


@pytest.mark.parametrize("wrong", [{"kilonova:priority": "high"}, {"kilonova:preferred_traits": "fast disk"}])
async def test_our_own_hints_are_refused_where_they_make_no_sense(world: World, wrong: dict[str, Any]) -> None:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1"}
    reply = await world.ask("alice", "POST", "/servers", {"server": wanted, "os:scheduler_hints": wrong})
    assert (reply.status, "cannot be honoured" in reply.message()) == (400, True)
