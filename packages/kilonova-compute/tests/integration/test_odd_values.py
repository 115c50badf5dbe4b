"""Values that nobody sends by accident: each is refused in words, and none of them costs the cloud anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from compute_world import World
from kilonova_compute.app import create_servers
from kilonova_compute.app.compute import Limits
from kilonova_compute.model.hosts import Host
from kilonova_compute.store import hosts as host_store
from kilonova_compute.store.tables import requests
from kilonova_kit.ids import new_uuid
from sqlalchemy import func, select

HUGE = "9" * 5000  # Python reads no number of more than 4300 digits


async def _create(world: World, **more: Any) -> tuple[int, str]:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1", **more}
    reply = await world.ask("alice", "POST", "/servers", {"server": wanted})
    return reply.status, reply.message() if reply.status >= 400 else ""


async def _nothing_was_made(world: World) -> bool:
    count = select(func.count()).select_from(requests)
    return await world.servers() == [] and not await world.compute.cells.database.read(
        lambda tx: tx.execute(count).scalar_one()
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/servers?limit={HUGE}", 200),
        (f"/servers?launch_index={HUGE}", 200),
        (f"/servers?power_state={HUGE}", 200),
        (f"/flavors?limit={HUGE}", 200),
        (f"/os-server-groups?offset={HUGE}", 200),
        (f"/os-aggregates/{HUGE}", 404),
        ("/servers?limit=%D9%A3", 400),  # a digit of another script
    ],
)
async def test_numbers_that_are_too_large_are_as_good_as_the_largest(world: World, path: str, status: int) -> None:
    assert (await world.ask("admin", "GET", path)).status == status


@pytest.mark.parametrize("field", ["min_count", "max_count"])
async def test_too_many_servers_are_refused_before_anything_is_made(world: World, field: str) -> None:
    status, why = await _create(world, **{"min_count": HUGE, field: HUGE})
    assert status == 400
    assert "min_count" in why
    assert await _nothing_was_made(world)


async def test_of_very_many_as_many_as_one_question_may_have_are_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create_servers, "MOST_AT_ONCE", 3)
    assert await _create(world, max_count=HUGE) == (202, "")
    assert len(await world.servers()) == 3
    status, why = await _create(world, min_count=4, max_count=5)
    assert (status, "min_count" in why, "3" in why) == (400, True, True)


async def test_a_reservation_id_that_is_asked_for_in_a_wrong_way_makes_no_server(world: World) -> None:
    assert (await _create(world, return_reservation_id="perhaps"))[0] == 400
    assert await _nothing_was_made(world)


@pytest.mark.parametrize("name", ["hw_cpu_cores", "hw_numa_nodes", "hw_cpu_max_sockets"])
async def test_digits_of_other_scripts_are_no_numbers_in_an_image(world: World, name: str) -> None:
    image = world.images.add(**{name: "²"})
    status, why = await _create(world, imageRef=image)
    assert (status, "²" in why) == (400, True)


@pytest.mark.parametrize("value", ["²", "9" * 200])
async def test_a_flavor_asks_for_a_plain_number_of_devices(world: World, value: str) -> None:
    path = "/flavors/1/os-extra_specs"
    assert (await world.ask("admin", "POST", path, {"extra_specs": {"device:CUSTOM_GPU": value}})).status == 200
    status, why = await _create(world)
    assert (status, "device:CUSTOM_GPU" in why) == (400, True)


async def test_a_pattern_that_would_take_for_ever_finds_flavors_at_once(world: World) -> None:
    wide = "(" + "|".join(["."] * 24) + ")"
    found = await world.ask("alice", "GET", f"/flavors?name=%5E{wide}*!", version="2.102")
    assert (found.status, found.json()["flavors"]) == (200, [])
    assert (await world.ask("alice", "GET", "/flavors?name=%28", version="2.102")).status == 400
    names = [one["name"] for one in (await world.get("alice", "/flavors?name=s.all", "2.102"))["flavors"]]
    assert names == ["m1.small"]


async def test_a_service_is_changed_whole_or_not_at_all(world: World) -> None:
    host = Host(id=new_uuid(), name="delta", cell="cell1")
    await world.compute.cells.get("cell1").database.write(lambda tx: host_store.save(tx, host))
    world.compute.hosts[host.id] = host
    body = {"status": "disabled", "forced_down": "perhaps"}
    assert (await world.ask("admin", "PUT", f"/os-services/{host.id}", body, "2.53")).status == 400
    assert not world.compute.hosts[host.id].disabled


async def test_cores_count_by_the_flavor_whatever_is_claimed_for_them(world: World) -> None:
    world.compute.limits = Limits(cores=2)
    path = "/flavors/3/os-extra_specs"
    assert (await world.ask("admin", "POST", path, {"extra_specs": {"resources:VCPU": "0"}})).status == 200
    assert await _create(world, flavorRef="3") == (202, "")
    await world.settle()
    status, why = await _create(world, flavorRef="3")
    assert (status, "cores" in why) == (403, True)


async def test_a_hint_or_an_extra_spec_of_ours_that_there_is_not_is_no_silence(world: World) -> None:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1"}
    for hint, status in (("kilonova:prority", 400), ("somebodys:own", 202)):
        body = {"server": wanted, "os:scheduler_hints": {hint: "1"}}
        reply = await world.ask("alice", "POST", "/servers", body)
        assert (reply.status, status == 202 or hint in reply.message()) == (status, True)
    spec = {"extra_specs": {"kilonova:prefered_traits": "CUSTOM_SSD"}}
    assert (await world.ask("admin", "POST", "/flavors/2/os-extra_specs", spec)).status == 200
    status, why = await _create(world, flavorRef="2")
    assert (status, "kilonova:prefered_traits" in why) == (400, True)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"delete_on_termination": True}, 202),
        ({"device_type": "disk"}, 202),
        ({"disk_bus": "ide"}, 400),
        ({"device_type": "cdrom"}, 400),
        ({"guest_format": "ext4"}, 400),
    ],
)
async def test_what_is_said_of_the_root_disk_is_honoured_or_refused(
    world: World, more: dict[str, Any], status: int
) -> None:
    device = {"source_type": "image", "destination_type": "local", "boot_index": 0, "uuid": world.images.image_id}
    found, why = await _create(world, block_device_mapping_v2=[{**device, **more}])
    assert (found, found == 202 or next(iter(more)) in why) == (status, True)


async def test_there_is_no_audit_before_the_first_month(world: World) -> None:
    path = "/os-instance_usage_audit_log/0001-01-01 00:00:00"
    assert (await world.ask("admin", "GET", path)).status == 400


async def _hinted(world: World, hints: dict[str, Any]) -> tuple[int, str]:
    wanted = {"name": "web", "imageRef": world.images.image_id, "flavorRef": "1"}
    reply = await world.ask("alice", "POST", "/servers", {"server": wanted, "os:scheduler_hints": hints})
    return reply.status, reply.message() if reply.status >= 400 else ""


async def test_a_question_about_hosts_is_short_for_each_host_is_asked(world: World) -> None:
    status, why = await _hinted(world, {"query": json.dumps(["or", *([["=", "$host", "x"]] * 500)])})
    assert (status, "query" in why, "more than 2048" in why) == (400, True, True)
    assert (await _hinted(world, {"query": json.dumps(["or", *([[">=", "$vcpus_total", 0]] * 20)])}))[0] == 202


async def test_hints_are_few_for_each_server_keeps_them(world: World) -> None:
    status, why = await _hinted(world, {"somebodys:own": "x" * 20_000})
    assert (status, "scheduler_hints" in why) == (400, True)
