"""Actions and their journal, in the cell of their server: opened, taken, advanced and closed in one transaction each.

The lock row makes it one running action per server. ``epoch`` is the fence among controllers: whoever takes an action
over raises it, and a write with an older one is refused with ``LostAction``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
from kilonova_kit.database import Connection, Upsert
from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from kilonova_compute.model.actions import ActionRecord, ActionState, Line
from kilonova_compute.model.servers import Server
from kilonova_compute.store import servers as server_store
from kilonova_compute.store.tables import action_lines, actions, server_locks

_action = msgspec.json.Decoder(ActionRecord)
_line = msgspec.json.Decoder(Line)

# Made once: to build a statement costs more than to run it, and these run for every step of every action.
_OPEN = (ActionState.RUNNING.value, ActionState.UNDOING.value)
_LOCK_HOLDER = select(server_locks.c.action_id).where(server_locks.c.server_id == bindparam("of_server"))
_LOCK, _UNLOCK = insert(server_locks), delete(server_locks).where(server_locks.c.action_id == bindparam("of_action"))
_ADD = insert(actions)
_FIND = select(actions.c.record).where(actions.c.id == bindparam("action_id"))
_FIND_TO_CHANGE = _FIND.with_for_update()
_HELD = select(actions.c.epoch, actions.c.record).where(actions.c.id == bindparam("action_id")).with_for_update()
_WRITE = update(actions).where(actions.c.id == bindparam("action_id"))
_TAKE = (
    update(actions)
    .where(
        actions.c.id == bindparam("action_id"),
        actions.c.state.in_(_OPEN),
        or_(
            actions.c.holder.is_(None),
            actions.c.holder == bindparam("taker"),
            actions.c.held_until < bindparam("now"),
        ),
    )
    .values(holder=bindparam("taker"), held_until=bindparam("until"), epoch=actions.c.epoch + 1)
    .returning(actions.c.epoch)
)
_QUEUED = (
    select(actions.c.record)
    .where(actions.c.server_id == bindparam("of_server"), actions.c.state == ActionState.QUEUED.value)
    .order_by(actions.c.started_at)
    .limit(1)
)
_LINES = (
    select(action_lines.c.record)
    .where(action_lines.c.action_id == bindparam("of_action"), action_lines.c.attempt == bindparam("of_attempt"))
    .order_by(action_lines.c.position)
)
_WRITE_LINES = Upsert(action_lines)


class LostAction(Exception):
    """Another worker has taken the action over; what this one wanted to write is dropped."""


class ServerBusy(Exception):
    """Another action runs on the server."""

    def __init__(self, action_id: str, verb: str) -> None:
        super().__init__(f"action {verb} ({action_id}) is running")
        self.action_id, self.verb = action_id, verb


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """An action with the lines of its present attempt, and its server (None when it is gone).

    ``following``: the queued action that begins because this one was closed.
    """

    action: ActionRecord
    lines: tuple[Line, ...]
    server: Server | None
    following: str | None = None


def _text(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


def lock_holder(tx: Connection, server_id: str) -> str | None:
    return tx.execute(_LOCK_HOLDER, {"of_server": server_id}).scalar()


def last_in_line(tx: Connection, server_id: str) -> str | None:
    """The verb of the action that will have been the last when all open ones are closed; None when there is none."""
    waiting = tx.execute(_QUEUED, {"of_server": server_id}).scalar()
    if waiting is not None:
        return _action.decode(waiting).verb
    running = lock_holder(tx, server_id)
    return None if running is None else find(tx, running).verb


def open_action(tx: Connection, action: ActionRecord, *, holder: str | None, held_until: float) -> None:
    """Write an action down and lock its server. Raises ServerBusy, unless the action may queue (its state says so)."""
    other = lock_holder(tx, action.server_id)
    if action.state is ActionState.QUEUED:
        if other is None:
            action = msgspec.structs.replace(action, state=ActionState.RUNNING)
    elif other is not None:
        raise ServerBusy(other, find(tx, other).verb)
    if other is None:
        tx.execute(_LOCK, {"server_id": action.server_id, "action_id": action.id})
    row = {
        "id": action.id,
        "server_id": action.server_id,
        "state": action.state.value,
        "started_at": action.started_at,
        "wake_at": action.wake_at,
        "epoch": action.epoch,
        "holder": holder if other is None else None,
        "held_until": held_until if other is None else None,
        "record": _text(action),
    }
    tx.execute(_ADD, row)
    if other is not None:
        cancel(tx, other)


def add_closed(tx: Connection, action: ActionRecord) -> None:
    """Write down something that was done at once (a lock, say), for the public record."""
    tx.execute(
        insert(actions).values(
            id=action.id,
            server_id=action.server_id,
            state=action.state.value,
            started_at=action.started_at,
            wake_at=0.0,
            epoch=0,
            record=_text(action),
        )
    )


def cancel(tx: Connection, action_id: str) -> None:
    """Ask a running action to end at its next step."""
    record = _action.decode(tx.execute(_FIND_TO_CHANGE, {"action_id": action_id}).scalar_one())
    _rewrite(tx, msgspec.structs.replace(record, cancelled=True))


def find(tx: Connection, action_id: str) -> ActionRecord:
    return _action.decode(tx.execute(_FIND, {"action_id": action_id}).scalar_one())


def _rewrite(tx: Connection, action: ActionRecord) -> None:
    values = {"state": action.state.value, "wake_at": action.wake_at, "record": _text(action)}
    tx.execute(_WRITE, {**values, "action_id": action.id})


def read(tx: Connection, action_id: str, *, to_change: bool = False) -> Journal | None:
    """The whole journal of the present attempt. ``to_change``: nobody else may write it until the transaction ends."""
    record = tx.execute(_FIND_TO_CHANGE if to_change else _FIND, {"action_id": action_id}).scalar()
    if record is None:
        return None
    action = _action.decode(record)
    return Journal(
        action=action,
        lines=tuple(lines_of(tx, action_id, action.attempt)),
        server=server_store.find(tx, action.server_id),
    )


def lines_of(tx: Connection, action_id: str, attempt: int | None = None) -> list[Line]:
    """The journal's lines in order, of one attempt or of all."""
    if attempt is not None:
        found = tx.execute(_LINES, {"of_action": action_id, "of_attempt": attempt})
        return [_line.decode(record) for (record,) in found]
    query = select(action_lines.c.record).where(action_lines.c.action_id == action_id)
    query = query.order_by(action_lines.c.attempt, action_lines.c.position)
    return [_line.decode(record) for (record,) in tx.execute(query)]


def take(tx: Connection, action_id: str, holder: str, now: float, held_until: float) -> Journal | None:
    """Become the one who advances an action; None when another is, or it is closed or queued."""
    asked = {"action_id": action_id, "taker": holder, "now": now, "until": held_until}
    taken = tx.execute(_TAKE, asked).scalar()
    if taken is None:
        return None
    journal = read(tx, action_id)
    assert journal is not None
    return _with_epoch(journal, taken)


def take_over(tx: Connection, journal: Journal, holder: str, now: float, held_until: float) -> Journal | None:
    """As ``take``, for one whose journal was read in the same transaction."""
    asked = {"action_id": journal.action.id, "taker": holder, "now": now, "until": held_until}
    taken = tx.execute(_TAKE, asked).scalar()
    return None if taken is None else _with_epoch(journal, taken)


def _with_epoch(journal: Journal, epoch: int) -> Journal:
    return msgspec.structs.replace(journal, action=msgspec.structs.replace(journal.action, epoch=epoch))


def advance(
    tx: Connection,
    before: Journal,
    action: ActionRecord,
    lines: Sequence[Line],
    change: Callable[[Server], Server] | None,
    *,
    holder: str | None,
    held_until: float,
) -> Journal:
    """Write what has happened: changed lines, the action's own state, a change of the server. Raises LostAction.

    ``before`` is what the caller knows: while it holds the action nobody else writes lines. ``holder`` goes on with it;
    without one the action is let go until ``action.wake_at`` or a report. A closed action gives its lock back and lets
    a queued one start.
    """
    # The server's row before the action's, as whoever deletes the server locks them: else one would wait for the other.
    server = server_store.change(tx, action.server_id, change) if change else before.server
    row = tx.execute(_HELD, {"action_id": action.id}).one()
    if row.epoch != action.epoch:
        raise LostAction(action.id)
    if _action.decode(row.record).cancelled and not action.cancelled:
        action = msgspec.structs.replace(action, cancelled=True)
    values = {
        "state": action.state.value,
        "wake_at": action.wake_at,
        "record": _text(action),
        "holder": holder,
        "held_until": held_until if holder else None,
    }
    tx.execute(_WRITE, {**values, "action_id": action.id})
    write_lines(tx, action.id, lines)
    following = None if action.state.open else _unlock(tx, action)
    lines_now = merged(before.lines, lines, action.attempt)
    return Journal(action=action, lines=lines_now, server=server, following=following)


def merged(known: Sequence[Line], written: Sequence[Line], attempt: int) -> tuple[Line, ...]:
    """The lines of an attempt, the written ones in the place of those that were known."""
    by_position = {line.position: line for line in (*known, *written) if line.attempt == attempt}
    return tuple(by_position[position] for position in sorted(by_position))


def write_lines(tx: Connection, action_id: str, lines: Sequence[Line]) -> None:
    """Write lines of the journal, new ones and changed ones."""
    rows = [
        {"action_id": action_id, "attempt": line.attempt, "position": line.position, "record": _text(line)}
        for line in lines
    ]
    _WRITE_LINES.put(tx, rows)


def _unlock(tx: Connection, action: ActionRecord) -> str | None:
    """Give the server's lock back, to a queued action if there is one; its id."""
    tx.execute(_UNLOCK, {"of_action": action.id})
    waiting = tx.execute(_QUEUED, {"of_server": action.server_id}).scalar()
    if waiting is None:
        return None
    following = msgspec.structs.replace(_action.decode(waiting), state=ActionState.RUNNING)
    tx.execute(_LOCK, {"server_id": following.server_id, "action_id": following.id})
    _rewrite(tx, following)
    return following.id


def due(tx: Connection, now: float, most: int) -> list[str]:
    """Actions that somebody must look at: their time has come and nobody (alive) holds them."""
    open_states = (ActionState.RUNNING.value, ActionState.UNDOING.value)
    free = or_(actions.c.holder.is_(None), actions.c.held_until < now)
    query = select(actions.c.id).where(actions.c.state.in_(open_states), actions.c.wake_at <= now, free)
    return list(tx.execute(query.order_by(actions.c.wake_at).limit(most)).scalars())


def let_go(tx: Connection, holder: str) -> None:
    """Free every action that this worker held before it died: nobody need wait until the hold is over."""
    tx.execute(update(actions).where(actions.c.holder == holder).values(holder=None, held_until=None))


def of_server(
    tx: Connection,
    server_id: str,
    *,
    since: float | None = None,
    before: float | None = None,
    limit: int | None = None,
    marker: float | None = None,
) -> list[ActionRecord]:
    """A server's actions, the newest first."""
    query = select(actions.c.record).where(actions.c.server_id == server_id)
    if marker is not None:
        query = query.where(actions.c.started_at < marker)
    found = [_action.decode(record) for (record,) in tx.execute(query.order_by(actions.c.started_at.desc()))]
    last = math.inf if before is None else math.floor(before) + 1  # times are shown in whole seconds
    kept = [action for action in found if (since or 0.0) <= action.updated_at < last]
    return kept if limit is None else kept[:limit]


def by_request(tx: Connection, server_id: str, request_id: str) -> ActionRecord | None:
    query = select(actions.c.record).where(actions.c.server_id == server_id).order_by(actions.c.started_at.desc())
    found = (_action.decode(record) for (record,) in tx.execute(query))
    return next((action for action in found if action.request_id == request_id), None)


def count_open(tx: Connection) -> int:
    """How many actions are not closed."""
    closed = (ActionState.FINISHED.value, ActionState.FAILED.value)
    return tx.execute(select(func.count()).select_from(actions).where(actions.c.state.not_in(closed))).scalar_one()


def purge_of(tx: Connection, server_ids: Sequence[str]) -> None:
    """Remove the records of servers that are purged."""
    ids = select(actions.c.id).where(actions.c.server_id.in_(server_ids))
    tx.execute(delete(action_lines).where(action_lines.c.action_id.in_(ids)))
    tx.execute(delete(actions).where(actions.c.server_id.in_(server_ids)))
