"""What reconcilers keep true, whatever was interrupted, and whichever cell does not answer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from compute_world import World
from kilonova_compute.app import compute as compute_module
from kilonova_compute.model.aggregates import Aggregate
from kilonova_compute.model.requests import ServerRequest
from kilonova_compute.reconcilers import old_servers
from kilonova_compute.reconcilers.host_places import place_hosts
from kilonova_compute.reconcilers.host_reports import HostReports
from kilonova_compute.reconcilers.old_servers import KEEP_SECONDS, forget_old_servers
from kilonova_compute.reconcilers.port_wirings import PortWirings
from kilonova_compute.store import actions as action_store
from kilonova_compute.store import aggregates as aggregate_store
from kilonova_compute.store import hosts as host_store
from kilonova_compute.store import index as index_store
from kilonova_compute.store import requests as request_store
from kilonova_compute.store import server_groups as group_store
from kilonova_compute.store import servers as server_store
from kilonova_compute.store.tables import action_lines, actions, server_group_members, servers
from kilonova_kit.database import Database
from kilonova_kit.errors import Unavailable
from kilonova_kit.ids import new_uuid
from kilonova_messages.reports import GuestsReport, GuestState
from sqlalchemy import Table, func, select


async def _delete(world: World, server_id: str) -> None:
    assert (await world.ask("alice", "DELETE", f"/servers/{server_id}")).status == 204
    await world.settle()


async def _deleted(world: World, number: int) -> list[str]:
    """Servers in cell1 that are no more."""
    ids = [await world.boot() for _ in range(number)]
    for server_id in ids:
        await _delete(world, server_id)
    return ids


async def _rows(database: Database, table: Table) -> int:
    return await database.read(lambda tx: tx.execute(select(func.count()).select_from(table)).scalar_one())


# --- old servers


async def test_all_old_servers_are_forgotten_in_one_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(old_servers, "_MOST", 2)
    ids = await _deleted(world, 5)
    world.clock.now += KEEP_SECONDS + 60.0
    await forget_old_servers(world.compute)
    database = world.compute.cells.get("cell1").database
    assert [await _rows(database, table) for table in (servers, actions, action_lines)] == [0, 0, 0]
    for server_id in ids:
        assert await world.compute.cells.database.read(partial(index_store.find, server_id=server_id)) is None
        assert await world.compute.cells.database.read(partial(request_store.find, server_id=server_id)) is None


async def test_a_server_that_is_forgotten_half_is_forgotten_whole_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server_id,) = await _deleted(world, 1)
    world.clock.now += KEEP_SECONDS + 60.0

    class Killed(Exception):
        """The process ends here."""

    def kill(*given: Any) -> None:
        raise Killed

    for room, name in ((index_store, "remove"), (action_store, "purge_of")):
        with monkeypatch.context() as patched:
            patched.setattr(room, name, kill)
            with pytest.raises(Killed):
                await forget_old_servers(world.compute)
    await forget_old_servers(world.compute)
    assert await world.compute.cells.database.read(partial(index_store.find, server_id=server_id)) is None
    assert await _rows(world.compute.cells.get("cell1").database, servers) == 0


async def test_what_never_came_to_a_server_is_forgotten_too(world: World) -> None:
    alive = await world.boot()
    asked = ServerRequest(server_id=new_uuid(), project_id="red", user_id="alice", resources={"VCPU": 1})
    database, now = world.compute.cells.database, world.clock()
    await database.write(lambda tx: request_store.add(tx, [asked], now))
    await database.write(lambda tx: group_store.join(tx, new_uuid(), "alice", [asked.server_id], now))
    world.clock.now += KEEP_SECONDS + 60.0
    await forget_old_servers(world.compute)
    assert await database.read(partial(request_store.find, server_id=asked.server_id)) is None
    assert await _rows(database, server_group_members) == 0
    assert await database.read(partial(request_store.find, server_id=alive)) is not None


async def test_old_servers_of_a_cell_are_forgotten_while_another_cell_is_away(world: World) -> None:
    await _deleted(world, 1)
    world.clock.now += KEEP_SECONDS + 60.0
    await world.compute.cells.get("cell0").database.close()
    await forget_old_servers(world.compute)
    assert await _rows(world.compute.cells.get("cell1").database, servers) == 0


# --- wirings


async def test_hosts_are_wired_while_another_cell_is_away(world: World) -> None:
    first = await world.boot()
    for name in ("alpha", "beta"):
        del world.placement.hosts[name]
    second = await world.boot()
    database = world.compute.cells.get("cell1").database
    await database.close()
    await PortWirings(world.compute)()
    assert [server for server, _ in world.hosts.wired] == [second]
    assert first != second


async def test_what_a_host_was_told_is_forgotten_with_the_server(world: World) -> None:
    server_id = await world.boot()
    reconcile = PortWirings(world.compute)
    await reconcile()
    assert set(reconcile._told) == {server_id}
    await _delete(world, server_id)
    await reconcile()
    assert not reconcile._told
    assert not reconcile._told_before


# --- places


async def test_a_host_comes_to_its_zone_although_nobody_told_it(world: World) -> None:
    made = Aggregate(uuid=new_uuid(), name="fast", hosts=("alpha",), metadata={"availability_zone": "east"})
    await world.compute.cells.database.write(lambda tx: aggregate_store.add(tx, made))
    await place_hosts(world.compute)
    assert {host.name: host.zone for host in world.compute.hosts.values()} == {
        "alpha": "east", "beta": "nova", "gamma": "nova"
    }  # fmt: skip
    kept = await world.compute.cells.get("cell1").database.read(lambda tx: host_store.find(tx, "id-alpha"))
    assert kept is not None
    assert kept.zone == "east"


async def test_a_host_that_has_just_been_removed_keeps_no_other_from_its_zone(world: World) -> None:
    made = Aggregate(uuid=new_uuid(), name="fast", hosts=("alpha", "beta"), metadata={"availability_zone": "east"})
    await world.compute.cells.database.write(lambda tx: aggregate_store.add(tx, made))
    await world.compute.cells.get("cell1").database.write(lambda tx: host_store.remove(tx, "id-alpha"))
    await place_hosts(world.compute)
    assert world.compute.hosts["id-beta"].zone == "east"


async def test_items_of_an_aggregate_that_are_set_at_once_are_all_kept(world: World) -> None:
    made = await world.ask("admin", "POST", "/os-aggregates", {"aggregate": {"name": "fast"}})
    path = f"/os-aggregates/{made.json()['aggregate']['id']}"
    items = [f"key-{number}" for number in range(6)]
    sets = ({"set_metadata": {"metadata": {key: "yes"}}} for key in items)
    await asyncio.gather(*(world.ask("admin", "POST", f"{path}/action", body) for body in sets))
    assert (await world.get("admin", path))["aggregate"]["metadata"] == dict.fromkeys(items, "yes")


# --- guests


async def test_a_server_is_not_lost_because_its_hosts_clock_is_ahead(world: World) -> None:
    server_id = await world.boot()
    host = world.compute.hosts["id-alpha"]
    ahead = 120.0
    world.compute.hosts[host.id] = type(host)(id=host.id, name=host.name, cell=host.cell, clock_skew=ahead)
    server = await world.server(server_id)
    assert server is not None
    just_before = server.updated_at - 1.0
    report = GuestsReport(guests=(), taken_at=just_before + ahead)
    await HostReports(world.compute).guests_reported("cell1", host.id, report)
    assert (await world.get("alice", f"/servers/{server_id}"))["server"]["status"] == "ACTIVE"
    later = GuestsReport(guests=(), taken_at=just_before + 60.0 + ahead)
    await HostReports(world.compute).guests_reported("cell1", host.id, later)
    assert (await world.get("alice", f"/servers/{server_id}"))["server"]["status"] == "ERROR"


async def test_a_report_that_comes_twice_at_once_starts_each_guest_again_once(world: World) -> None:
    ids = [await world.boot() for _ in range(3)]
    down = tuple(GuestState(guest_id=one, generation=9, power="off", reason="host_stopped") for one in ids)
    report, reports = GuestsReport(guests=down, taken_at=world.clock()), HostReports(world.compute)
    await asyncio.gather(*(reports.guests_reported("cell1", "id-alpha", report) for _ in range(2)))
    for server_id in ids:
        done = (await world.get("alice", f"/servers/{server_id}/os-instance-actions"))["instanceActions"]
        assert [one["action"] for one in done] == ["start", "create"]


# --- waiting


async def test_an_answer_does_not_wait_for_ever_for_an_index_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute_module, "_INDEXED_SECONDS", 0.05)
    server_id = await world.boot()
    monkeypatch.setattr(server_store, "announced", _away)
    body = {"server": {"name": "renamed"}}
    async with asyncio.timeout(30):
        reply = await world.ask("alice", "PUT", f"/servers/{server_id}", body)
    assert (reply.status, reply.json()["server"]["name"]) == (200, "renamed")


def _away(*given: Any) -> Any:
    raise Unavailable("the cell has just gone away")
