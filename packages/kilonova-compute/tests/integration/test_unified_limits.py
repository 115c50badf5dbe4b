"""Limits that the identity service keeps, talked through: what holds, what is counted, how it is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from compute_fakes import FakeService, answer
from compute_world import World
from kilonova_compute.external.identity import IdentityLimits
from kilonova_kit.http.client import Reply, ServiceClient


class FakeIdentity(FakeService):
    """Keeps limits of one compute service."""

    def __init__(self) -> None:
        super().__init__()
        self.registered: list[dict[str, Any]] = []
        self.own: list[dict[str, Any]] = []

    def register(self, resource: str, limit: int, region: str | None = None) -> None:
        values = {"resource_name": resource, "default_limit": limit, "region_id": region}
        self.registered.append({"service_id": "nova", **values})

    def give(self, project: str, resource: str, limit: int) -> None:
        values = {"resource_name": resource, "resource_limit": limit, "region_id": None, "project_id": project}
        self.own.append({"service_id": "nova", **values})

    def answer(self, method: str, path: list[str], query: dict[str, list[str]], body: Any) -> Reply:
        kept = {"services": [{"id": "nova"}], "registered_limits": self.registered, "limits": self.own}
        return answer(200, {path[-1]: kept[path[-1]]})


@pytest.fixture
async def kept(world: World) -> FakeIdentity:
    """The world's limits are kept by an identity service."""
    identity = FakeIdentity()
    identity.register("servers", 10)
    world.compute.identity_limits = IdentityLimits(ServiceClient(identity))
    return identity


async def ask(world: World, who: str = "alice", **more: Any) -> tuple[int, str]:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1", **more}
    reply = await world.ask(who, "POST", "/servers", {"server": wanted})
    return reply.status, reply.message() if reply.status >= 400 else ""


async def test_without_a_registered_limit_there_may_be_no_servers(world: World, kept: FakeIdentity) -> None:
    kept.registered.clear()
    why = "Project red is over a limit for [Resource servers is over limit of 0 due to current usage 0 and delta 1]"
    assert await ask(world) == (403, why)


async def test_a_resource_without_a_registered_limit_is_not_limited(world: World, kept: FakeIdentity) -> None:
    assert (await ask(world))[0] == 202


async def test_claims_are_counted_by_class(world: World, kept: FakeIdentity) -> None:
    kept.register("class:VCPU", 2)
    kept.register("class:DISK_GB", 100)
    assert (await ask(world, min_count=2))[0] == 202
    why = "Project red is over a limit for [Resource class:VCPU is over limit of 2 due to current usage 2 and delta 1]"
    assert await ask(world) == (403, why)
    assert (await ask(world, "bob"))[0] == 202
    kept.give("red", "class:VCPU", 3)
    assert (await ask(world))[0] == 202


async def test_no_more_servers_are_let_in_at_once_than_the_limit_has(world: World, kept: FakeIdentity) -> None:
    kept.give("red", "servers", 3)
    outcomes = Counter(status for status, _ in await asyncio.gather(*(ask(world) for _ in range(8))))
    assert outcomes == {202: 3, 403: 5}


async def test_what_is_claimed_at_once_is_never_more_than_the_limit(world: World, kept: FakeIdentity) -> None:
    kept.register("class:VCPU", 2)
    outcomes = Counter(status for status, _ in await asyncio.gather(*(ask(world) for _ in range(8))))
    assert set(outcomes) <= {202, 403}
    await world.settle()
    assert len(world.placement.live()) == outcomes[202] <= 2
    fits = 2 - outcomes[202]
    assert [(await ask(world))[0] for _ in range(fits + 1)] == [202] * fits + [403]


async def test_as_many_are_made_as_there_is_room_for(world: World, kept: FakeIdentity) -> None:
    kept.register("class:MEMORY_MB", 300)
    assert (await ask(world, min_count=1, max_count=5))[0] == 202
    assert len(await world.servers()) == 2
    assert (await ask(world, min_count=2, max_count=5))[0] == 403


async def test_our_regions_limit_counts_before_the_one_for_all_regions(world: World, kept: FakeIdentity) -> None:
    kept.register("class:VCPU", 0, "RegionOne")
    kept.register("class:VCPU", 5)
    kept.register("class:MEMORY_MB", 0, "elsewhere")
    status, why = await ask(world)
    assert (status, "class:VCPU is over limit of 0" in why, "MEMORY_MB" in why) == (403, True, False)


async def test_quota_sets_and_limits_show_what_the_identity_service_keeps(world: World, kept: FakeIdentity) -> None:
    kept.register("class:VCPU", 4)
    kept.register("server_metadata_items", 3)
    kept.give("red", "class:VCPU", 7)
    await ask(world)
    detail = (await world.get("alice", "/os-quota-sets/red/detail"))["quota_set"]
    assert detail["cores"] == {"in_use": 1, "limit": 7, "reserved": 0}
    assert (detail["instances"]["limit"], detail["ram"]["limit"]) == (10, -1)
    assert (await world.get("alice", "/os-quota-sets/red/defaults"))["quota_set"]["cores"] == 4
    assert (await world.get("admin", "/os-quota-class-sets/default"))["quota_class_set"]["cores"] == 4
    absolute = (await world.get("alice", "/limits"))["limits"]["absolute"]
    assert (absolute["maxTotalCores"], absolute["totalCoresUsed"], absolute["maxServerMeta"]) == (7, 1, 3)


async def test_quota_sets_change_nothing(world: World, kept: FakeIdentity) -> None:
    body = {"quota_set": {"instances": 1}}
    assert (await world.ask("admin", "PUT", "/os-quota-sets/red", body)).json()["quota_set"]["instances"] == 10
    body = {"quota_class_set": {"instances": 1}}
    assert (await world.ask("admin", "PUT", "/os-quota-class-sets/default", body)).status == 200
    assert (await world.ask("admin", "DELETE", "/os-quota-sets/red")).status == 202
    assert (await world.get("alice", "/limits"))["limits"]["absolute"]["maxTotalInstances"] == 10


async def test_every_other_limit_is_kept_there_too(world: World, kept: FakeIdentity) -> None:
    for name in ("server_metadata_items", "server_key_pairs", "server_groups", "server_group_members"):
        kept.register(name, 1)

    def over(name: str, have: int, more: int) -> tuple[int, str]:
        why = f"is over limit of 1 due to current usage {have} and delta {more}"
        return 403, f"Project red is over a limit for [Resource {name} {why}]"

    assert await ask(world, metadata={"a": "1", "b": "2"}) == over("server_metadata_items", 0, 2)
    server = await world.boot()
    reply = await world.ask("alice", "POST", f"/servers/{server}/metadata", {"metadata": {"a": "1", "b": "2"}})
    assert (reply.status, reply.message()) == over("server_metadata_items", 0, 2)
    for expected in (200, 403):
        group = {"server_group": {"name": "web", "policies": ["affinity"]}}
        reply = await world.ask("alice", "POST", "/os-server-groups", group)
        assert reply.status == expected
    assert reply.message() == over("server_groups", 1, 1)[1]
    (made,) = (await world.get("alice", "/os-server-groups"))["server_groups"]
    body = {
        "server": {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1", "min_count": 2},
        "os:scheduler_hints": {"group": made["id"]},
    }
    reply = await world.ask("alice", "POST", "/servers", body)
    assert (reply.status, reply.message()) == over("server_group_members", 0, 2)
    for expected in (200, 403):
        reply = await world.ask("alice", "POST", "/os-keypairs", {"keypair": {"name": f"key-{expected}"}})
        assert reply.status == expected
    assert reply.message() == over("server_key_pairs", 1, 1)[1]


async def test_a_keeper_that_is_away_lets_nobody_in(world: World, kept: FakeIdentity) -> None:
    kept.away = True
    assert (await ask(world))[0] == 503
