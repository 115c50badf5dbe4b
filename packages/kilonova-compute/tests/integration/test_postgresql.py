"""What several controllers do at once on one PostgreSQL: quotas, memberships, aggregates, hosts, deletes, key pairs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from kilonova_compute.actions import states
from kilonova_compute.actions.all_actions import ACTIONS
from kilonova_compute.actions.open_journal import OpenJournal
from kilonova_compute.app import keypairs, quotas, server_groups, servers
from kilonova_compute.app.compute import Limits
from kilonova_compute.cells.cells import Cell
from kilonova_compute.model.actions import ActionState
from kilonova_compute.model.aggregates import Aggregate
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.precaches import Precache, failed_once
from kilonova_compute.model.requests import ServerRequest
from kilonova_compute.model.server_groups import ServerGroup
from kilonova_compute.model.servers import FlavorSnapshot, ImageSnapshot, Server, TaskState, VmState
from kilonova_compute.store import actions as action_store
from kilonova_compute.store import aggregates as aggregate_store
from kilonova_compute.store import cells as cell_store
from kilonova_compute.store import hosts as host_store
from kilonova_compute.store import precaches as precache_store
from kilonova_compute.store import quotas as quota_store
from kilonova_compute.store import requests as request_store
from kilonova_compute.store import server_groups as group_store
from kilonova_compute.store import servers as server_store
from kilonova_compute.store.actions import Journal
from kilonova_compute.store.tables import CELL, GLOBAL
from kilonova_kit.database import Connection, Database
from kilonova_kit.errors import KilonovaError, QuotaExceeded
from kilonova_kit.http.identity import Identity
from kilonova_kit.ids import new_uuid
from kilonova_kit.testing.postgresql import PostgresqlServer, binaries, running_postgresql
from sqlalchemy import MetaData, text

NOW = 1_800_000_000.0
_AT_ONCE = 12

pytestmark = pytest.mark.skipif(binaries() is None, reason="needs PostgreSQL")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with running_postgresql() as running:
        yield running


async def _opened(url: str, metadata: MetaData) -> AsyncIterator[list[Database]]:
    """One database, as three controllers have it open."""
    opened = [Database(url, name=f"controller-{number}") for number in range(3)]
    for database in opened:
        await database.start(metadata)
    yield opened
    for database in opened:
        await database.close()


@pytest.fixture
async def controllers(server: PostgresqlServer) -> AsyncIterator[list[Database]]:
    """The global database, as three controllers have it open."""
    async for opened in _opened(server.new_database(), GLOBAL):
        yield opened


@pytest.fixture
async def in_cell(server: PostgresqlServer) -> AsyncIterator[list[Database]]:
    """A cell's database, as three controllers have it open."""
    async for opened in _opened(server.new_database(), CELL):
        yield opened


async def race(controllers: list[Database], write: Callable[[Connection], Any]) -> int:
    """How many of many transactions at once, by all controllers, are not refused."""
    each = (controllers[number % len(controllers)].write(write) for number in range(_AT_ONCE))
    outcomes = await asyncio.gather(*each, return_exceptions=True)
    unexpected = [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, KilonovaError)]
    assert unexpected == []
    return len([one for one in outcomes if not isinstance(one, BaseException)])


def request(project_id: str = "red") -> ServerRequest:
    return ServerRequest(
        server_id=new_uuid(), project_id=project_id, user_id="u", resources={"VCPU": 2}, cores=2, request_id="req-1"
    )  # fmt: skip


async def test_controllers_let_no_more_in_than_the_quota_has(controllers: list[Database]) -> None:
    def ask(tx: Connection) -> None:
        asked = [request()]
        quotas.check_again(tx, Limits(cores=10), asked, NOW)
        request_store.add(tx, asked, NOW)

    assert await race(controllers, ask) == 5


async def test_controllers_let_no_more_into_a_group_than_its_quota_has(controllers: list[Database]) -> None:
    group = ServerGroup(id=new_uuid(), name="web", policy="affinity", project_id="red", user_id="u")
    await controllers[0].write(lambda tx: group_store.add(tx, group))
    compute: Any = SimpleNamespace(clock=lambda: NOW, identity_limits=None)

    def join(tx: Connection) -> None:
        server_groups.join(tx, compute, group.id, 4, "u", [new_uuid()])

    assert await race(controllers, join) == 4
    members = await controllers[1].read(lambda tx: group_store.members_of(tx, [group.id], NOW))
    assert len(members[group.id]) == 4


async def test_controllers_let_no_more_groups_and_key_pairs_be_made_than_the_quota_has(
    controllers: list[Database],
) -> None:
    who, limits = Identity(user_id="u", project_id="red"), Limits(server_groups=3, key_pairs=3)
    many: list[Any] = [
        SimpleNamespace(cells=SimpleNamespace(database=one), limits=limits, identity_limits=None, clock=lambda: NOW)
        for one in controllers
    ] * 4
    groups = (server_groups.create(one, who, "web", "affinity", {}) for one in many)
    keys = (keypairs.generate(one, who, "u", f"key-{number}", "ssh") for number, one in enumerate(many))
    made = [await asyncio.gather(*each, return_exceptions=True) for each in (groups, keys)]
    refused = [[one for one in outcomes if isinstance(one, BaseException)] for outcomes in made]
    assert {type(one) for each in refused for one in each} == {QuotaExceeded}
    assert [len(each) for each in refused] == [9, 9]


async def test_controllers_that_start_at_once_enter_the_same_cells(controllers: list[Database]) -> None:
    wanted = {"cell0": "sqlite:///0", "cell1": "sqlite:///1"}
    assert await race(controllers, partial(cell_store.enter, wanted=wanted)) == _AT_ONCE
    assert await controllers[0].read(cell_store.all_cells) == wanted


async def test_operators_set_the_same_quotas_at_once(controllers: list[Database]) -> None:
    amounts = {"cores": 10, "instances": 5}
    put = partial(quota_store.put, scope=quota_store.PROJECT, owner="red", amounts=amounts)
    assert await race(controllers, put) == _AT_ONCE
    assert await controllers[0].read(lambda tx: quota_store.of(tx, [(quota_store.PROJECT, "red")])) == [amounts]


async def test_changes_of_aggregates_wait_for_one_another(controllers: list[Database]) -> None:
    made = Aggregate(uuid=new_uuid(), name="fast")
    number = (await controllers[0].write(lambda tx: aggregate_store.add(tx, made))).number

    def add(tx: Connection) -> None:
        known = aggregate_store.all_to_change(tx)
        hosts = (*known[0].hosts, f"host-{len(known[0].hosts)}")
        aggregate_store.change(tx, number, lambda found: Aggregate(uuid=found.uuid, name=found.name, hosts=hosts))

    assert await race(controllers, add) == _AT_ONCE
    (found,) = await controllers[2].read(aggregate_store.all_aggregates)
    assert len(set(found.hosts)) == _AT_ONCE


async def test_controllers_may_ask_for_the_same_image_and_look_at_the_same_hosts(controllers: list[Database]) -> None:
    made = await controllers[0].write(lambda tx: aggregate_store.add(tx, Aggregate(uuid=new_uuid(), name="ahead")))
    precache = Precache(aggregate=made.number, image=ImageSnapshot(image_id="i"), asked_at=NOW, until=NOW + 60.0)

    def ask(tx: Connection) -> None:
        aggregate_store.change(tx, made.number, lambda found: found)
        precache_store.put(tx, precache, ["h1", "h2"])

    assert await race(controllers, ask) == _AT_ONCE
    due = await controllers[1].read(lambda tx: precache_store.due(tx, NOW, NOW, 10))
    assert sorted(found.host for _, found in due.hosts) == ["h1", "h2"]

    def save(tx: Connection) -> None:
        precache_store.save(tx, [(one, found, failed_once(found, NOW, "why")) for one, found in due.hosts])

    assert await race(controllers, save) == _AT_ONCE
    ((_, hosts),) = await controllers[2].read(precache_store.listed)
    assert [(host.host, host.tries, host.reason) for host in hosts] == [("h1", 1, "why"), ("h2", 1, "why")]
    await controllers[0].write(lambda tx: precache_store.forget(tx, NOW + 61.0))
    assert await controllers[2].read(precache_store.listed) == []


async def test_a_request_is_found_by_the_call_that_made_it(controllers: list[Database]) -> None:
    asked = request()
    await controllers[0].write(lambda tx: request_store.add(tx, [asked], NOW))
    for call, project, expected in (("req-1", "red", asked), ("req-1", "blue", None), ("req-_", None, None)):
        found = partial(request_store.find_by_request, request_id=call, project_id=project)
        assert await controllers[0].read(found) == expected


async def test_no_change_of_a_host_is_lost_to_another(in_cell: list[Database]) -> None:
    host = Host(id="id-alpha", name="alpha", cell="cell1")
    await in_cell[0].write(lambda tx: host_store.save(tx, host))

    def beat(found: Host) -> Host:
        return msgspec.structs.replace(found, heard_at=found.heard_at + 1.0)

    assert await race(in_cell, lambda tx: host_store.change(tx, host.id, beat)) == _AT_ONCE
    found = await in_cell[1].read(lambda tx: host_store.find(tx, host.id))
    assert found is not None
    assert found.heard_at == _AT_ONCE


# --- one server, several controllers


def planes(databases: list[Database]) -> list[Any]:
    """As much of a control plane per database as deleting a server needs."""

    async def announced(cell: Cell) -> None:
        """Nobody lists anything here."""

    made = []
    for number, database in enumerate(databases):
        engine = SimpleNamespace(
            action=lambda verb: ACTIONS[verb], holder=f"controller-{number}", wake=lambda cell, action: None
        )
        cells = SimpleNamespace(get=partial(Cell, database=database))
        made.append(SimpleNamespace(cells=cells, engine=engine, clock=lambda: NOW, announced=announced))
    return made


async def make_server(database: Database) -> Server:
    flavor = FlavorSnapshot(flavor_id="1", name="tiny", vcpus=1, ram=128, disk=1)
    made = Server(
        id=new_uuid(), cell="cell1", project_id="red", user_id="u", name="web", hostname="web", created_at=NOW,
        updated_at=NOW, flavor=flavor, vm_state=VmState.ACTIVE, launched_at=NOW,
    )  # fmt: skip
    await database.write(lambda tx: server_store.add(tx, made))
    return made


def wait_until_somebody_waits(tx: Connection) -> None:
    """Until another transaction wants a lock that this one has."""
    for _ in range(100_000):
        if tx.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
            return
    raise AssertionError("nobody waits")


async def test_controllers_that_delete_a_server_at_once_open_one_action(in_cell: list[Database]) -> None:
    server, who = await make_server(in_cell[0]), Identity(user_id="u", project_id="red")
    deletes = (servers.delete(plane, who, server, "req-1") for plane in planes(in_cell) * 4)
    await asyncio.gather(*deletes)
    (action,) = await in_cell[0].read(lambda tx: action_store.of_server(tx, server.id))
    assert (action.state, action.cancelled) == (ActionState.RUNNING, False)


async def test_a_delete_keeps_what_the_engine_writes_of_the_action_that_it_ends(in_cell: list[Database]) -> None:
    server, who = await make_server(in_cell[0]), Identity(user_id="u", project_id="red")
    plane, other = planes(in_cell)[:2]
    record = servers.new_record(plane, who, server, "stop", "req-1", {})
    held = partial(action_store.open_action, action=record, holder="controller-0", held_until=NOW + 60.0)
    await in_cell[0].write(held)
    written = threading.Event()

    def undo(tx: Connection) -> None:
        undoing = msgspec.structs.replace(record, state=ActionState.UNDOING)
        known = Journal(action=record, lines=(), server=server)
        action_store.advance(tx, known, undoing, [], None, holder="controller-0", held_until=NOW + 60.0)
        written.set()
        wait_until_somebody_waits(tx)

    undone = asyncio.create_task(in_cell[0].write(undo))
    await asyncio.to_thread(written.wait)
    await servers.delete(other, who, server, "req-2")
    await undone
    found = await in_cell[0].read(lambda tx: action_store.find(tx, record.id))
    assert (found.state, found.cancelled) == (ActionState.UNDOING, True)


async def test_a_delete_and_the_end_of_an_action_do_not_block_each_other(
    in_cell: list[Database], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server, who = await make_server(in_cell[0]), Identity(user_id="u", project_id="red")
    plane, other = planes(in_cell)[:2]
    record = servers.new_record(plane, who, server, "stop", "req-1", {})
    held = partial(action_store.open_action, action=record, holder="controller-0", held_until=NOW + 60.0)
    await in_cell[0].write(held)
    caplog.set_level(logging.INFO, "kilonova_kit.database")
    deleting, change = threading.Event(), server_store.change

    def change_and_wait(tx: Connection, server_id: str, how: Callable[[Server], Server]) -> Server | None:
        changed = change(tx, server_id, how)
        if changed is not None and changed.task_state is TaskState.DELETING and not deleting.is_set():
            deleting.set()  # the first time only: a deadlock would make it run again
            wait_until_somebody_waits(tx)
        return changed

    def finish(tx: Connection) -> None:
        closed = msgspec.structs.replace(record, state=ActionState.FINISHED)
        known = Journal(action=record, lines=(), server=server)
        action_store.advance(tx, known, closed, [], states.in_turn([]), holder=None, held_until=NOW)

    monkeypatch.setattr(server_store, "change", change_and_wait)
    deleted = asyncio.create_task(servers.delete(other, who, server, "req-2"))
    await asyncio.to_thread(deleting.wait)
    await in_cell[0].write(finish)
    await deleted
    found = [one.state for one in await in_cell[0].read(lambda tx: action_store.of_server(tx, server.id))]
    assert sorted(found) == [ActionState.FINISHED, ActionState.RUNNING]
    assert "deadlock" not in caplog.text


async def test_a_worker_that_let_an_action_go_and_goes_on_holds_it_again(in_cell: list[Database]) -> None:
    server, who = await make_server(in_cell[0]), Identity(user_id="u", project_id="red")
    (plane, *_) = planes(in_cell)
    record = servers.new_record(plane, who, server, "stop", "req-1", {})
    await in_cell[0].write(partial(action_store.open_action, action=record, holder=None, held_until=NOW))

    def take(tx: Connection, holder: str) -> Journal | None:
        return action_store.take(tx, record.id, holder, NOW, NOW + 60.0)

    taken = await in_cell[0].write(partial(take, holder="controller-0"))
    assert taken is not None
    journal = OpenJournal(
        Cell("cell1", in_cell[0]), taken, lambda: NOW, lambda cell: None, holder="controller-0"
    )  # fmt: skip
    await journal.write([], keep=False)
    await journal.write([], keep=True)
    assert await in_cell[1].write(partial(take, holder="controller-1")) is None
