"""What may be asked of servers: found by their owner, created, changed, acted upon.

Reads of one server go to its cell, for the truth; lists go to the index. Whoever changes a server does so in one
transaction of its cell; whoever wants work done opens an action there and wakes the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import BadRequest, Conflict, NotFound, Unavailable
from kilonova_kit.http.identity import Identity
from kilonova_kit.ids import new_uuid

from kilonova_compute.app import quotas
from kilonova_compute.app.compute import Compute
from kilonova_compute.cells.cells import Cell
from kilonova_compute.model.actions import ActionRecord, ActionState
from kilonova_compute.model.listing import ServerFilter, ServerOrder
from kilonova_compute.model.servers import Server, VmState
from kilonova_compute.store import actions as action_store
from kilonova_compute.store import index as index_store
from kilonova_compute.store import servers as store
from kilonova_compute.store.actions import Journal, ServerBusy

log = logging.getLogger(__name__)


# --- finding


async def cell_of(compute: Compute, server_id: str) -> Cell | None:
    name = await compute.cells.database.read(lambda tx: index_store.cell_of(tx, server_id))
    return None if name is None else compute.cells.get(name)


async def find(compute: Compute, identity: Identity, server_id: str, *, deleted: bool = False) -> Server:
    """The server, from its cell. Raises NotFound for a stranger's, and for a deleted one unless asked for."""
    cell = await cell_of(compute, server_id)
    if cell is not None and cell.name in compute.unreachable_cells():  # known: nobody need wait to find out again
        raise Unavailable(f"the cell of server {server_id} does not answer now; try again")
    server = None if cell is None else await cell.database.read(lambda tx: store.find(tx, server_id))
    if server is None or (server.deleted and not deleted) or not _may_see(identity, server):
        raise _not_found(server_id)
    return server


async def find_in_index(compute: Compute, identity: Identity, server_id: str) -> Server:
    """The server as lists know it, while its cell is away. Raises NotFound."""
    server = await indexed(compute, server_id)
    if server is None or not _may_see(identity, server):
        raise _not_found(server_id)
    return server


async def indexed(compute: Compute, server_id: str) -> Server | None:
    """Anybody's server that is not deleted, as lists know it."""
    server = await compute.cells.database.read(lambda tx: index_store.find(tx, server_id))
    return None if server is None or server.deleted else server


def _not_found(server_id: str) -> NotFound:
    return NotFound(f"Instance {server_id} could not be found.")


def _may_see(identity: Identity, server: Server) -> bool:
    return identity.is_admin or identity.project_id == server.project_id


async def listed(
    compute: Compute, wanted: ServerFilter, order: Sequence[ServerOrder], marker: str | None, limit: int
) -> list[Server]:
    """One item more than ``limit`` says that there is a next page. Raises BadRequest for an unknown marker."""
    database = compute.cells.database

    def read(tx: Connection) -> list[Server]:
        start = None if marker is None else index_store.find(tx, marker)
        if marker is not None and start is None:
            raise BadRequest(f"marker [{marker}] not found")
        return index_store.listed(tx, wanted, order, start, limit + 1)

    return await database.read(read)


# --- changing


async def change(compute: Compute, server: Server, how: Callable[[Server], Server]) -> Server:
    """Change the record at once, and see to it that lists show it."""
    cell = compute.cells.get(server.cell)

    def update(found: Server) -> Server:
        changed = how(found)
        return changed if changed == found else msgspec.structs.replace(changed, updated_at=compute.clock())

    changed = await cell.database.write(lambda tx: store.change(tx, server.id, update))
    if changed is None or changed.deleted:
        raise _not_found(server.id)
    await compute.announced(cell)
    return changed


def check_unlocked(identity: Identity, server: Server) -> None:
    """Raise Conflict when somebody has locked the server; an administrator may pass."""
    if server.locked and not identity.is_admin:
        raise Conflict(f"Instance {server.id} is locked")


def locker_of(identity: Identity, server: Server) -> str:
    """As what somebody locks: as the owner from within the project, else as an administrator."""
    return "owner" if identity.project_id == server.project_id else "admin"


async def set_locked(
    compute: Compute, identity: Identity, server: Server, locked: bool, reason: str | None, request_id: str
) -> None:
    """Lock or unlock; whether the caller may open another's lock is asked in ``api``.

    An owner's lock leaves an administrator's in place.
    """
    by = locker_of(identity, server)
    if locked and server.locked_by == "admin" and by == "owner":
        return
    cell, now = compute.cells.get(server.cell), compute.clock()
    closed = new_record(compute, identity, server, "lock" if locked else "unlock", request_id, {})
    closed = msgspec.structs.replace(closed, state=ActionState.FINISHED, finished_at=now)

    def write(tx: Connection) -> None:
        store.change(
            tx,
            server.id,
            lambda found: msgspec.structs.replace(
                found, locked=locked, locked_by=by if locked else None, locked_reason=reason if locked else None
            ),
        )
        action_store.add_closed(tx, closed)

    await cell.database.write(write)
    await compute.announced(cell)


# --- acting


def new_record(
    compute: Compute, identity: Identity, server: Server, verb: str, request_id: str, given: dict[str, Any]
) -> ActionRecord:
    now = compute.clock()
    return ActionRecord(
        id=new_uuid(),
        server_id=server.id,
        verb=verb,
        request_id=request_id,
        user_id=identity.user_id,
        project_id=identity.project_id or "",
        started_at=now,
        updated_at=now,
        input=given,
        wake_at=now,
    )


def closed_as_failed(record: ActionRecord, why: str, now: float) -> ActionRecord:
    """The record of an action that ended before it began."""
    return msgspec.structs.replace(record, state=ActionState.FAILED, finished_at=now, message=why)


async def act(
    compute: Compute,
    identity: Identity,
    server: Server,
    verb: str,
    request_id: str,
    *,
    when: frozenset[VmState],
    task_free: bool = True,
) -> None:
    """Open an action on a server that is in one of these states. Raises Conflict in the real API's words."""
    cell, action = compute.cells.get(server.cell), compute.engine.action(verb)
    record = new_record(compute, identity, server, verb, request_id, {})

    def begin(found: Server) -> Server:
        if found.deleted:
            raise _not_found(server.id)
        check_unlocked(identity, found)
        _check_state(found, verb, when, task_free)
        return action.begun(found)

    await _open(compute, cell, record, begin)


def _check_state(server: Server, verb: str, when: frozenset[VmState], task_free: bool) -> None:
    word = public_verb(verb)
    if server.vm_state not in when:
        raise Conflict(f"Cannot '{word}' instance {server.id} while it is in vm_state {server.vm_state.value}")
    if server.launched_at is None:  # it never ran: there is no guest to act upon
        raise Conflict(f"Cannot '{word}' instance {server.id} while it is in launched_at None")
    if task_free and server.task_state is not None:
        raise Conflict(f"Cannot '{word}' instance {server.id} while it is in task_state {server.task_state.value}")


def public_verb(verb: str) -> str:
    """What the public API calls it: a hard reboot is a reboot."""
    return "reboot" if verb == "reboot_hard" else verb


async def _open(compute: Compute, cell: Cell, record: ActionRecord, begin: Callable[[Server], Server]) -> None:
    held_until = compute.clock() + 60.0

    def write(tx: Connection) -> Server | None:
        server = store.change(tx, record.server_id, begin)
        try:
            action_store.open_action(tx, record, holder=compute.engine.holder, held_until=held_until)
        except ServerBusy as busy:
            raise Conflict(
                f"Cannot '{public_verb(record.verb)}' instance {record.server_id} while action "
                f"'{public_verb(busy.verb)}' is running"
            ) from busy
        return server

    server = await cell.database.write(write)
    compute.engine.wake(cell, record.id, Journal(action=record, lines=(), server=server))
    await compute.announced(cell)


_STOPPABLE = frozenset({VmState.ACTIVE, VmState.ERROR})
_REBOOTABLE_SOFT = frozenset({VmState.ACTIVE})
_REBOOTABLE_HARD = frozenset({VmState.ACTIVE, VmState.STOPPED, VmState.PAUSED, VmState.ERROR})


async def start(compute: Compute, identity: Identity, server: Server, request_id: str) -> None:
    await act(compute, identity, server, "start", request_id, when=frozenset({VmState.STOPPED}))


async def start_again(compute: Compute, identity: Identity, server: Server, request_id: str) -> None:
    """Start a guest that went down with its host; its server was ACTIVE all the while."""
    await act(compute, identity, server, "start", request_id, when=frozenset({VmState.ACTIVE}))


async def stop(compute: Compute, identity: Identity, server: Server, request_id: str) -> None:
    await act(compute, identity, server, "stop", request_id, when=_STOPPABLE)


async def reboot(compute: Compute, identity: Identity, server: Server, hard: bool, request_id: str) -> None:
    if hard:
        await act(compute, identity, server, "reboot_hard", request_id, when=_REBOOTABLE_HARD)
    else:
        await act(compute, identity, server, "reboot", request_id, when=_REBOOTABLE_SOFT)


async def pause(compute: Compute, identity: Identity, server: Server, request_id: str) -> None:
    await act(compute, identity, server, "pause", request_id, when=frozenset({VmState.ACTIVE}))


async def unpause(compute: Compute, identity: Identity, server: Server, request_id: str) -> None:
    await act(compute, identity, server, "unpause", request_id, when=frozenset({VmState.PAUSED}))


async def delete(compute: Compute, identity: Identity, server: Server, request_id: str) -> None:
    """Delete, whatever the server is doing: a running action ends at its next step and gives way.

    A second delete is as good as the first.
    """
    cell, definition = compute.cells.get(server.cell), compute.engine.action("delete")
    record = new_record(compute, identity, server, "delete", request_id, {})
    record = msgspec.structs.replace(record, state=ActionState.QUEUED)
    held_until = compute.clock() + 60.0

    def write(tx: Connection) -> str:
        running: str | None = None
        under_way = False

        def begin(found: Server) -> Server:
            """Under the lock of the server's row: of two that come at once the second sees what the first began."""
            nonlocal running, under_way
            if found.deleted:
                raise _not_found(server.id)
            check_unlocked(identity, found)
            running = action_store.lock_holder(tx, server.id)
            under_way = action_store.last_in_line(tx, server.id) == definition.verb
            return found if under_way else definition.begun(found)

        if store.change(tx, server.id, begin) is None:
            raise _not_found(server.id)
        if not under_way:
            action_store.open_action(tx, record, holder=compute.engine.holder, held_until=held_until)
        return running or record.id

    compute.engine.wake(cell, await cell.database.write(write))
    await compute.announced(cell)


async def reset_state(compute: Compute, server: Server, active: bool) -> Server:
    """Say what a server is, for clients that expect to; nothing here needs it."""

    def how(found: Server) -> Server:
        vm_state = VmState.ACTIVE if active else VmState.ERROR
        return msgspec.structs.replace(found, vm_state=vm_state, task_state=None)

    return await change(compute, server, how)


# --- the record of actions


async def actions_of(
    compute: Compute,
    server: Server,
    *,
    since: float | None = None,
    before: float | None = None,
    marker: str | None = None,
    limit: int | None = None,
) -> list[ActionRecord]:
    """The newest first; those after the one of the request ``marker``. Raises BadRequest for an unknown marker."""

    def read(tx: Connection) -> list[ActionRecord]:
        start = None if marker is None else action_store.by_request(tx, server.id, marker)
        if marker is not None and start is None:
            raise BadRequest(f"Marker {marker} could not be found.")
        moment = start.started_at if start else None
        return action_store.of_server(tx, server.id, since=since, before=before, marker=moment, limit=limit)

    return await compute.cells.get(server.cell).database.read(read)


async def action_with_lines(compute: Compute, server: Server, request_id: str) -> tuple[ActionRecord, list[Any]]:
    """The action that a request caused, and every line of its journal. Raises NotFound."""
    database = compute.cells.get(server.cell).database

    def read(tx: Connection) -> tuple[ActionRecord, list[Any]] | None:
        found = action_store.by_request(tx, server.id, request_id)
        return None if found is None else (found, list(action_store.lines_of(tx, found.id)))

    found = await database.read(read)
    if found is None:
        raise NotFound(f"Action for request_id {request_id} on instance {server.id} not found")
    return found


# --- quota


async def check_room(compute: Compute, project_id: str, count: int, vcpus: int, ram: int, *, user_id: str = "") -> bool:
    """Whether anything is limited. Raises QuotaExceeded where the project, or the user in it, may not have so many."""
    wanted = {"instances": count, "cores": count * vcpus, "ram": count * ram}
    limits, check = compute.limits, quotas.check_room
    return await compute.cells.database.read(lambda tx: check(tx, limits, project_id, user_id, wanted))
