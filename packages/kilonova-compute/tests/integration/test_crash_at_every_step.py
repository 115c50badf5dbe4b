"""The shared crash test: every action, killed after each of its effects, one run per effect.

An effect is a write of a cell or of the global database, a change at a neighbour, a question to a host, a host's report.
The controller dies right there, before it learns that the effect has happened; everything is opened anew, and the
action must come to its end: closed, with nothing left over where it failed, and exactly one guest where it did not.
A new action is in this test as soon as it is in ``ALL_ACTIONS``.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from compute_world import WHO, World
from kilonova_compute.actions.all_actions import ACTIONS
from kilonova_compute.app import servers as app
from kilonova_compute.model.actions import ActionState
from kilonova_compute.model.servers import Server, VmState
from kilonova_compute.store import actions as action_store
from kilonova_kit.database import Database
from kilonova_kit.ids import new_request_id
from kilonova_messages.steps import StepError

#: What the hosts say: nothing wrong; every host refuses for good; the first host fails and another one may do.
STORIES = ("good", "refused", "elsewhere")
_POWER_BEFORE = {"start": "off", "unpause": "paused"}
_MOST_EFFECTS = 120


class Killer:
    """Counts effects, and stops the world for whoever made the one that is the last."""

    def __init__(self, last: int) -> None:
        self.last, self.count = last, 0
        self.killed = asyncio.Event()

    async def pulse(self) -> None:
        """An effect has happened. For the dead, time stands still."""
        if not self.killed.is_set():
            self.count += 1
            if self.count <= self.last:
                return
            self.killed.set()
        await asyncio.Event().wait()

    def watch(self, database: Database) -> None:
        plain = database.write

        async def write(transaction: Callable[[Any], Any]) -> Any:
            task = asyncio.current_task()
            if task is not None and task.get_name().startswith("index-"):
                return await plain(transaction)
            if self.killed.is_set():
                await asyncio.Event().wait()
            result = await plain(transaction)
            await self.pulse()
            return result

        database.write = write  # type: ignore[method-assign]


async def _begin(world: World, verb: str, server: Server | None) -> None:
    """Ask for the action as the API does, by whatever function it has."""
    if verb == "create":
        await world.boot(settle=False)
        return
    assert server is not None
    request_id = new_request_id()
    if verb == "delete":
        await app.delete(world.compute, WHO["alice"], server, request_id)
    else:
        await app.act(world.compute, WHO["alice"], server, verb, request_id, when=frozenset(VmState))


async def _prepared(folder: Path, verb: str) -> tuple[World, Server | None]:
    """A world in which the action may be asked for."""
    world = World(folder)
    await world.start()
    if verb == "create":
        return world, None
    server_id = await world.boot()
    server = await world.server(server_id)
    assert server is not None
    assert server.host_id is not None
    world.hosts.guests[server.host_id][server_id] = _POWER_BEFORE.get(verb, "on")
    return world, server


def _tell(world: World, story: str) -> None:
    if story == "refused":
        refusal = StepError(code="invalid_spec", message="this host does not do that")
        world.hosts.refusals = {f"id-{name}": refusal for name in world.host_cells}
    if story == "elsewhere":
        world.hosts.refusals = {"id-alpha": StepError(code="internal", message="alpha is broken")}


async def _run_and_kill(world: World, verb: str, server: Server | None, killer: Killer) -> None:
    """Run until the killer strikes, or all is done."""
    for database in (world.compute.cells.database, *(cell.database for cell in world.compute.cells.all())):
        killer.watch(database)
    services = (world.network, world.images, world.placement, world.hosts)
    for service in services:
        service.pulse = killer.pulse

    async def whole() -> None:
        await _begin(world, verb, server)
        await world.settle()

    work = asyncio.create_task(whole())
    struck = asyncio.create_task(killer.killed.wait())
    await asyncio.wait({work, struck}, return_when=asyncio.FIRST_COMPLETED)
    for service in services:
        service.pulse = _alive
    work.cancel()
    struck.cancel()
    results = await asyncio.gather(work, struck, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


async def _alive() -> None:
    """Nobody counts any more."""


async def _check(world: World, verb: str, story: str, killed_at: int) -> None:
    world.placement.expire_held()
    servers = [server for cell in world.compute.cells.all() for server in await _servers_of(world, cell.name)]
    where = f"{verb}, {story}, killed after effect {killed_at}"
    guests = world.hosts.all_guests()
    assert len(servers) <= 1, where
    for server in servers:
        actions = await app.actions_of(world.compute, server)
        assert all(not action.state.open for action in actions), where
        assert server.task_state is None, where
        newest = actions[0]
        assert newest.verb in (verb, "create"), where
        if newest.state is ActionState.FAILED and verb == "create":
            assert server.vm_state is VmState.ERROR, where
            assert server.fault is not None, where
        else:
            assert newest.state is ActionState.FAILED or server.fault is None, where
    alive = [server for server in servers if server.host_id is not None and server.claim_id is not None]
    bound = [claim for claim in world.placement.live() if claim["owner"]["name"].startswith("server:")]
    ports = [port for port in world.network.ports.values() if port["device_id"]]
    if verb == "delete" and story == "refused":
        assert len(guests) <= 1, where
        return
    assert len(guests) == len(alive), f"{where}: {guests}"
    assert [(guest[0], guest[1]) for guest in guests] == [(one.host_id, one.id) for one in alive], where
    assert {claim["claim_id"] for claim in bound} == {server.claim_id for server in alive}, where
    assert {port["device_id"] for port in ports} == {server.id for server in alive}, where
    assert len(ports) == len(alive), where


async def _servers_of(world: World, cell: str) -> list[Server]:
    from kilonova_compute.store import servers
    from kilonova_compute.store.tables import servers as table
    from sqlalchemy import select

    def read(tx: Any) -> list[Server]:
        return [servers.decode(record) for (record,) in tx.execute(select(table.c.record).where(table.c.deleted_at.is_(None)))]

    return await world.compute.cells.get(cell).database.read(read)


async def _one_run(folder: Path, verb: str, story: str, last: int) -> bool:
    """Kill after effect number ``last``; whether there was one more to kill at."""
    world, server = await _prepared(folder, verb)
    _tell(world, story)
    killer = Killer(last)
    await _run_and_kill(world, verb, server, killer)
    struck = killer.killed.is_set()
    await world.restart()
    await world.settle()
    await _check(world, verb, story, last + 1)
    await world.stop()
    return struck


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("verb", sorted(ACTIONS))
async def test_an_action_survives_a_kill_after_each_of_its_effects(tmp_path: Path, verb: str, story: str) -> None:
    for last in range(_MOST_EFFECTS):
        folder = tmp_path / str(last)
        folder.mkdir()
        struck = await _one_run(folder, verb, story, last)
        shutil.rmtree(folder)
        if not struck:
            assert last > 2, "the action had no effects to be killed at"
            return
    pytest.fail(f"{verb} has more than {_MOST_EFFECTS} effects")


_Awaited = Awaitable[None]
_ = action_store
