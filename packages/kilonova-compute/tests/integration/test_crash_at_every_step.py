"""The shared crash test: every action, killed after each of its effects, one run per effect.

An effect is a write of a database, a change at a neighbour, a question to a host, a report of a host.
The controller dies right there, before it learns that the effect has happened; everything is opened anew, and the
action must come to its end: closed, with nothing left over where it failed, and exactly one guest where it did not.
A new action is in this test as soon as it is in ``ALL_ACTIONS``.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compute_world import WHO, World
from kilonova_compute.actions.all_actions import ACTIONS
from kilonova_compute.app import servers as app
from kilonova_compute.model.actions import ActionState
from kilonova_compute.model.servers import Server, VmState
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
        self._patch = pytest.MonkeyPatch()

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

        self._patch.setattr(database, "write", write)


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


async def _prepared(folder: Path, verb: str) -> tuple[World, str | None]:
    """A world, stopped again, in which the action may be asked for."""
    world = World(folder, hosts={"alpha": "cell1", "beta": "cell1"})
    await world.start()
    server_id = None
    if verb != "create":
        server_id = await world.boot()
        server = await world.server(server_id)
        assert server is not None
        assert server.host_id is not None
        world.hosts.guests[server.host_id][server_id] = _POWER_BEFORE.get(verb, "on")
    await world.stop()
    return world, server_id


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


async def _check(world: World, servers: list[Server], verb: str, where: str) -> None:
    """Every action is closed, and what is left belongs to the servers that are left."""
    world.placement.expire_held()
    assert len(servers) <= 1, where
    for server in servers:
        newest, *_ = actions = await app.actions_of(world.compute, server)
        assert all(not action.state.open for action in actions), where
        assert server.task_state is None, where
        assert newest.verb in (verb, "create"), where
        failed_create = newest.state is ActionState.FAILED and newest.verb == "create"
        assert (server.vm_state is VmState.ERROR) is failed_create or verb != "create", where
        assert not failed_create or server.fault is not None, where
    alive = [server for server in servers if server.vm_state is not VmState.ERROR]
    guests = world.hosts.all_guests()
    assert [(host, guest) for host, guest, _ in guests] == [(one.host_id, one.id) for one in alive], where
    assert {claim["claim_id"] for claim in world.placement.live()} == {one.claim_id for one in alive}, where
    ports = [port["device_id"] for port in world.network.ports.values() if port["device_id"]]
    assert ports == [one.id for one in alive], where


async def _one_run(world: World, server_id: str | None, verb: str, story: str, last: int) -> bool:
    """Kill after effect number ``last``; whether there was one more to kill at."""
    await world.start()
    server = await world.server(server_id) if server_id else None
    _tell(world, story)
    killer = Killer(last)
    await _run_and_kill(world, verb, server, killer)
    struck = killer.killed.is_set()
    await world.restart()
    await world.settle()
    servers = await world.servers()
    if not struck:
        _check_end(verb, story, servers)
        failed = verb == "create" and story == "elsewhere"
        assert set(world.placement.failed) == ({"id-alpha"} if failed else set())
    await _check(world, servers, verb, f"{verb}, {story}, killed after effect {last + 1}")
    await world.stop()
    return struck


def _check_end(verb: str, story: str, servers: list[Server]) -> None:
    """Where nobody was killed, the story must have been what it says."""
    if verb == "delete":
        assert (not servers) is (story != "refused" or _IGNORES_REFUSALS), servers
        return
    (server,) = servers
    if verb == "create":
        states = {"good": VmState.ACTIVE, "refused": VmState.ERROR, "elsewhere": VmState.ACTIVE}
        assert server.vm_state is states[story]
        assert story != "elsewhere" or server.host == "beta"


#: The hosts of these tests always remove a guest that they are asked to remove.
_IGNORES_REFUSALS = True


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("verb", sorted(ACTIONS))
async def test_an_action_survives_a_kill_after_each_of_its_effects(tmp_path: Path, verb: str, story: str) -> None:
    template = tmp_path / "template"
    template.mkdir()
    prepared, server_id = await _prepared(template, verb)
    for last in range(_MOST_EFFECTS):
        folder = tmp_path / str(last)
        struck = await _one_run(prepared.copy(folder), server_id, verb, story, last)
        shutil.rmtree(folder)
        if not struck:
            assert last > 2, "the action had no effects to be killed at"
            return
    pytest.fail(f"{verb} has more than {_MOST_EFFECTS} effects")
