"""Time limits of steps: they count the time in which somebody could advance the action, and no other."""

from __future__ import annotations

from compute_world import World
from kilonova_compute.model.servers import Server, VmState
from kilonova_compute.reconcilers.advance_actions import advance_actions
from kilonova_compute.store import actions as action_store
from kilonova_compute.store.actions import Journal


async def _journal(world: World, server_id: str) -> Journal:
    """The journal of the action that runs on the server."""
    server = await _server(world, server_id)
    database = world.compute.cells.get(server.cell).database

    def read(tx: object) -> Journal | None:
        action_id = action_store.lock_holder(tx, server_id)
        return action_store.read(tx, action_id) if action_id else None

    journal = await database.read(read)
    assert journal is not None, "no action runs"
    return journal


async def _server(world: World, server_id: str) -> Server:
    server = await world.server(server_id)
    assert server is not None
    return server


async def test_the_time_in_which_no_controller_ran_is_not_the_hosts(world: World) -> None:
    world.hosts.hold = True
    server_id = await world.boot(settle=False)
    await world.compute.engine.drain()
    before = await _server(world, server_id)
    await world.stop()
    world.clock.now += 3600.0
    await world.start()
    await advance_actions(world.compute)
    await world.compute.engine.drain()
    world.hosts.open_inboxes()
    await world.settle()
    after = await _server(world, server_id)
    assert (after.vm_state, after.host) == (VmState.ACTIVE, before.host)


async def test_a_host_has_the_rest_of_its_time_after_an_outage(world: World) -> None:
    world.hosts.hold = True
    server_id = await world.boot(settle=False)
    await world.compute.engine.drain()
    await world.stop()
    world.clock.now += 3600.0
    await world.start()

    async def gave_up() -> bool:
        return (await _journal(world, server_id)).action.attempt > 1

    outage_over = world.clock.now
    await world.settle(until=gave_up, rounds=400)
    taken = world.clock.now - outage_over
    assert 400.0 < taken < 800.0, "ten minutes to build, two to undo, and one look every few seconds"
