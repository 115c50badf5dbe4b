"""Images that the hosts of an aggregate are to have: asked for, asked again, given up, forgotten."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest
from compute_world import World
from kilonova_compute.model.aggregate_rules import AggregateView
from kilonova_compute.model.precaches import KEEP_SECONDS, MOST_TRIES, OPEN_SECONDS
from kilonova_compute.reconcilers.host_reports import HostReports
from kilonova_compute.reconcilers.precached_images import precache_images
from kilonova_compute.store import hosts as host_store
from kilonova_kit.errors import Unavailable
from kilonova_messages.asks import ImageState
from kilonova_messages.reports import ImagesReport
from kilonova_messages.steps import StepError

_FETCHING = ImageState(cached=False, waits="it is being fetched")


async def aggregate_of(world: World, *hosts: str) -> int:
    made = await world.ask("admin", "POST", "/os-aggregates", {"aggregate": {"name": f"of-{'-'.join(hosts)}"}})
    number = int(made.json()["aggregate"]["id"])
    for host in hosts:
        await world.ask("admin", "POST", f"/os-aggregates/{number}/action", {"add_host": {"host": host}})
    return number


async def ask_for(world: World, number: int, *image_ids: str) -> None:
    body = {"cache": [{"id": image_id} for image_id in image_ids or (world.images.image_id,)]}
    reply = await world.ask("admin", "POST", f"/os-aggregates/{number}/images", body, "2.81")
    assert (reply.status, reply.body) == (202, b"")


async def shown(world: World) -> list[dict[str, Any]]:
    reply = await world.client.request("GET", "/native/v1/precaches", token="admin")
    assert reply.status == 200, reply.body
    found: list[dict[str, Any]] = reply.json()["precaches"]
    return found


async def stages(world: World) -> dict[str, str]:
    return {one["host"]: one["stage"] for each in await shown(world) for one in each["hosts"]}


async def later(world: World, seconds: float) -> None:
    world.clock.now += seconds
    await precache_images(world.compute)


async def set_up(world: World, name: str, *, up: bool) -> None:
    """Let a host be heard, or not."""
    host = msgspec.structs.replace(world.compute.hosts[f"id-{name}"], heard_at=2.0**40 if up else 0.0)
    await world.compute.cells.get(host.cell).database.write(lambda tx: host_store.save(tx, host))
    world.compute.hosts[host.id] = host


async def test_the_hosts_of_the_aggregate_and_no_others_are_asked_until_they_have_it(world: World) -> None:
    await ask_for(world, await aggregate_of(world, "alpha", "gamma"))
    assert await stages(world) == {"alpha": "waiting", "gamma": "waiting"}
    world.hosts.cache_answers["id-gamma"] = _FETCHING
    await precache_images(world.compute)
    assert await stages(world) == {"alpha": "cached", "gamma": "fetching"}
    world.hosts.cache_answers.clear()
    await later(world, 5.0)
    assert len(world.hosts.asked_to_cache) == 2
    await later(world, 6.0)
    assert await stages(world) == {"alpha": "cached", "gamma": "cached"}
    await later(world, 600.0)
    assert [host for host, _ in world.hosts.asked_to_cache] == ["id-alpha", "id-gamma", "id-gamma"]
    _, source = world.hosts.asked_to_cache[0]
    assert (source.image_id, source.digest, source.format) == (world.images.image_id, "ab", "qcow2")
    (one,) = await shown(world)
    assert (one["image_id"], one["image_name"]) == (world.images.image_id, "tiny")


async def test_a_controller_that_has_not_seen_the_aggregate_yet_looks_first(world: World) -> None:
    await ask_for(world, await aggregate_of(world, "alpha"))
    world.compute.aggregates = AggregateView()
    await precache_images(world.compute)
    assert await stages(world) == {"alpha": "cached"}


async def test_the_wish_outlives_the_controller(world: World) -> None:
    await ask_for(world, await aggregate_of(world, "alpha", "beta"))
    world.hosts.cache_answers["id-beta"] = _FETCHING
    await precache_images(world.compute)
    await world.restart()
    world.hosts.cache_answers.clear()
    await later(world, 11.0)
    assert await stages(world) == {"alpha": "cached", "beta": "cached"}


async def test_a_host_that_is_down_or_silent_is_served_when_it_is_back(world: World) -> None:
    await ask_for(world, await aggregate_of(world, "alpha", "beta"))
    await set_up(world, "alpha", up=False)
    world.hosts.cache_answers["id-beta"] = None
    for _ in range(4 * MOST_TRIES):
        await later(world, 60.0)
    (one,) = await shown(world)
    assert [(host["stage"], host["reason"], host["tries"]) for host in one["hosts"]] == [
        ("waiting", "the host is down", 0),
        ("waiting", "the host does not answer", 0),
    ]
    await set_up(world, "alpha", up=True)
    world.hosts.cache_answers.clear()
    await later(world, 60.0)
    assert set((await stages(world)).values()) == {"cached"}


async def test_it_is_given_up_after_so_many_failures_with_a_reason(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await ask_for(world, await aggregate_of(world, "alpha"))
    world.hosts.cache_answers["id-alpha"] = StepError(code="image", message="it does not match its sha512")
    for _ in range(3 * MOST_TRIES):
        await later(world, 300.0)
    assert len(world.hosts.asked_to_cache) == MOST_TRIES
    (one,) = await shown(world)
    assert one["hosts"] == [
        {"host": "alpha", "stage": "failed", "tries": MOST_TRIES, "reason": "it does not match its sha512"}
    ]
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "alpha" in told
    assert "does not match" in told


async def test_what_is_not_done_in_time_ends_and_is_forgotten_later(world: World) -> None:
    await ask_for(world, await aggregate_of(world, "alpha", "beta"))
    await set_up(world, "alpha", up=False)
    world.hosts.cache_answers["id-beta"] = _FETCHING
    await precache_images(world.compute)
    await later(world, OPEN_SECONDS)
    (one,) = await shown(world)
    assert [(host["stage"], host["reason"]) for host in one["hosts"]] == [
        ("failed", "it was not done in time: the host is down"),
        ("failed", "it was not done in time: it is being fetched"),
    ]
    asked = len(world.hosts.asked_to_cache)
    await later(world, KEEP_SECONDS + 1.0)
    assert (await shown(world), len(world.hosts.asked_to_cache)) == ([], asked)


async def test_asked_for_again_it_begins_anew(world: World) -> None:
    number = await aggregate_of(world, "alpha")
    await ask_for(world, number)
    world.hosts.cache_answers["id-alpha"] = StepError(code="image", message="no")
    for _ in range(2 * MOST_TRIES):
        await later(world, 300.0)
    assert await stages(world) == {"alpha": "failed"}
    await ask_for(world, number)
    world.hosts.cache_answers.clear()
    await precache_images(world.compute)
    assert await stages(world) == {"alpha": "cached"}


async def test_who_leaves_the_aggregate_is_asked_no_more_and_who_comes_is_not_asked(world: World) -> None:
    number = await aggregate_of(world, "alpha", "beta")
    await ask_for(world, number)
    action = f"/os-aggregates/{number}/action"
    await world.ask("admin", "POST", action, {"remove_host": {"host": "alpha"}})
    await world.ask("admin", "POST", action, {"add_host": {"host": "gamma"}})
    await precache_images(world.compute)
    assert await stages(world) == {"alpha": "failed", "beta": "cached"}
    assert [host for host, _ in world.hosts.asked_to_cache] == ["id-beta"]
    await world.ask("admin", "POST", action, {"remove_host": {"host": "beta"}})
    await world.ask("admin", "POST", action, {"remove_host": {"host": "gamma"}})
    assert (await world.ask("admin", "DELETE", f"/os-aggregates/{number}")).status == 200
    assert await shown(world) == []


async def test_so_many_hosts_fetch_at_once_and_the_others_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kilonova_compute.model.precaches.FETCHING_AT_ONCE", 2)
    await ask_for(world, await aggregate_of(world, "alpha", "beta", "gamma"))
    world.hosts.cache_answers = dict.fromkeys(("id-alpha", "id-beta", "id-gamma"), _FETCHING)
    await precache_images(world.compute)
    await later(world, 11.0)
    assert await stages(world) == {"alpha": "fetching", "beta": "fetching", "gamma": "waiting"}
    world.hosts.cache_answers["id-alpha"] = ImageState(cached=True)
    await later(world, 11.0)
    await later(world, 1.0)
    assert await stages(world) == {"alpha": "cached", "beta": "fetching", "gamma": "fetching"}


async def test_an_image_that_cannot_be_had_and_an_aggregate_that_is_none_are_refused(world: World) -> None:
    number, body = await aggregate_of(world, "alpha"), {"cache": [{"id": world.images.image_id}]}
    for identifier in (
        "11111111-0000-4000-8000-000000000001",
        world.images.add(status="queued"),
        world.images.add(disk_format="vmdk"),
    ):
        both = {"cache": [*body["cache"], {"id": identifier}]}
        reply = await world.ask("admin", "POST", f"/os-aggregates/{number}/images", both, "2.81")
        assert (reply.status, identifier in reply.message()) == (400, True)
    assert (await world.ask("admin", "POST", "/os-aggregates/99/images", body, "2.81")).status == 404
    assert (await world.ask("alice", "POST", f"/os-aggregates/{number}/images", body, "2.81")).status == 403
    assert await shown(world) == []


async def test_what_was_asked_for_goes_on_while_the_image_service_is_away(world: World) -> None:
    """Neither a server that is being built nor one that is there asks it: the host has the image, or fetches it."""
    await ask_for(world, await aggregate_of(world, "alpha"))
    server_id = await world.boot(settle=False)
    world.images.away = True
    await world.settle()
    for verb, status in (("os-stop", "SHUTOFF"), ("os-start", "ACTIVE")):
        assert (await world.act("alice", server_id, {verb: None})).status == 202
        await world.settle()
        assert (await world.get("alice", f"/servers/{server_id}"))["server"]["status"] == status
    await precache_images(world.compute)
    assert await stages(world) == {"alpha": "cached"}


async def test_what_a_host_says_it_has_is_told_to_placement(world: World) -> None:
    reports = HostReports(world.compute)
    report = ImagesReport(images=("one", "../two"))
    assert (await reports.images_reported("cell1", "id-alpha", report)).refused == ""
    assert world.placement.images == {"id-alpha": ["one"]}
    assert (await reports.images_reported("cell1", "id-nobody", report)).refused == "unknown"
    del world.placement.hosts["beta"]
    with pytest.raises(Unavailable):
        await reports.images_reported("cell1", "id-beta", report)
