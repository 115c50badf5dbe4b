"""Quotas when many servers are asked for at the same moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from compute_world import World

_AT_ONCE = 8


async def ask(world: World, who: str = "alice", **more: Any) -> tuple[int, str]:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1", **more}
    reply = await world.ask(who, "POST", "/servers", {"server": wanted})
    return reply.status, reply.message() if reply.status >= 400 else ""


async def ask_at_once(world: World, **more: Any) -> Counter[int]:
    return Counter(status for status, _ in await asyncio.gather(*(ask(world, **more) for _ in range(_AT_ONCE))))


@pytest.mark.parametrize(
    ("path", "quota", "fits"),
    [
        ("/os-quota-sets/red", {"instances": 3}, 3),
        ("/os-quota-sets/red", {"cores": 2}, 2),
        ("/os-quota-sets/red", {"ram": 300}, 2),
        ("/os-quota-sets/red?user_id=alice", {"instances": 1}, 1),
    ],
)
async def test_no_more_are_let_in_than_the_quota_has(world: World, path: str, quota: dict[str, int], fits: int) -> None:
    assert (await world.ask("admin", "PUT", path, {"quota_set": quota})).status == 200
    assert await ask_at_once(world) == {202: fits, 403: _AT_ONCE - fits}
    assert (await ask(world, "bob"))[0] == 202
    await world.settle()
    (name, limit), *_ = quota.items()
    status, why = await ask(world)
    assert (status, why.startswith(f"Quota exceeded for {name}"), f"of {limit} {name}" in why) == (403, True, True)


async def test_many_in_one_question_count_together(world: World) -> None:
    assert (await world.ask("admin", "PUT", "/os-quota-sets/red", {"quota_set": {"instances": 5}})).status == 200
    assert await ask_at_once(world, min_count=2) == {202: 2, 403: _AT_ONCE - 2}
    assert len(await world.servers()) == 4


async def test_what_never_came_to_a_server_counts_for_a_minute_only(world: World) -> None:
    assert (await world.ask("admin", "PUT", "/os-quota-sets/red", {"quota_set": {"instances": 1}})).status == 200
    world.placement.away = True
    assert (await ask(world))[0] == 503
    world.placement.away = False
    assert (await ask(world))[0] == 403
    world.clock.now += 61
    assert (await ask(world))[0] == 202


async def test_files_are_counted_although_no_host_injects_them(world: World) -> None:
    small = {"path": "/etc/motd", "contents": "aGVsbG8="}
    assert (await ask(world, personality=[small] * 5))[0] == 202
    assert await ask(world, personality=[small] * 6) == (403, "Personality file limit exceeded")
    long = {**small, "path": "/" + "x" * 255}
    assert await ask(world, personality=[long]) == (403, "Personality file path exceeds maximum 255")
    large = {**small, "contents": "aGVsbG8h" * 1800}
    assert await ask(world, personality=[small, large]) == (403, "Personality file content exceeds maximum 10240")
    await world.ask("admin", "PUT", "/os-quota-sets/red", {"quota_set": {"injected_files": -1}})
    assert (await ask(world, personality=[small] * 6))[0] == 202
