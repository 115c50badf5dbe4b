"""The journal of an action in the hands of the one worker who drives it.

The end of a step is written together with the begin of the next one, in ``write``: until then it is pending, and a
crash before it repeats the step.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kilonova_compute.actions import states
from kilonova_compute.actions.steps import ServerChange
from kilonova_compute.cells.cells import Cell
from kilonova_compute.model.actions import ActionRecord, Line, StepFault
from kilonova_compute.model.servers import Server
from kilonova_compute.store import actions as store
from kilonova_compute.store.actions import Journal

#: For how long a worker may hold an action without writing; longer than any step on the controller.
HOLD_SECONDS = 60.0

#: An action that is looked at so much later than it was due was unattended: no controller ran, or its cell was away.
_UNATTENDED_SECONDS = 10.0

Announce = Callable[[Cell], None]


class OpenJournal:
    """What is known of the action, its lines and its server; pending ends are known already."""

    def __init__(
        self, cell: Cell, journal: Journal, clock: Callable[[], float], announce: Announce, *, holder: str
    ) -> None:
        self._holder = holder
        self._cell, self._known, self._clock, self._announce = cell, _attended(journal, clock()), clock, announce
        self._pending_lines: list[Line] = []
        self._pending_changes: list[ServerChange] = []
        #: Steps that were begun before this worker came: they may be half done.
        self._found_begun = frozenset(line.step for line in journal.lines)

    @property
    def action(self) -> ActionRecord:
        return self._known.action

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._known.lines

    @property
    def server(self) -> Server | None:
        return self._known.server

    @property
    def following(self) -> str | None:
        """The queued action that begins because this one was closed."""
        return self._known.following

    @property
    def first_fault(self) -> StepFault | None:
        return next((line.fault for line in self.lines if line.fault is not None), None)

    def line(self, step: str) -> Line | None:
        """The step's line in the present attempt, if it has been begun."""
        return next((line for line in self.lines if line.step == step), None)

    def was_found(self, step: str) -> bool:
        """Whether another worker had begun the step."""
        return step in self._found_begun

    def note(self, ended: Line, change: ServerChange | None) -> None:
        """Know it now, write it with the next thing that is written."""
        known = self._known
        self._pending_lines.append(ended)
        server = known.server
        if change is not None and server is not None:
            self._pending_changes.append(change)
            server = change(server)
        lines = store.merged(known.lines, [ended], known.action.attempt)
        self._known = msgspec.structs.replace(known, lines=lines, server=server)

    async def write(
        self,
        lines: list[Line],
        *,
        keep: bool,
        change: ServerChange | None = None,
        action: ActionRecord | None = None,
        wake_in: float = 0.0,
    ) -> None:
        """Write these lines and what is pending. Raises LostAction.

        ``keep`` says whether this worker goes on; it holds the action again where it had let it go.
        """
        now, holder = self._clock(), self._holder if keep else None
        record = msgspec.structs.replace(action or self.action, updated_at=now, wake_at=now + wake_in)
        written = [*self._pending_lines, *lines]
        changes = [*self._pending_changes, *([change] if change else [])]
        whole = states.in_turn(changes) if changes else None
        self._pending_lines, self._pending_changes = [], []
        self._known = await self._cell.database.write(
            lambda tx: store.advance(
                tx, self._known, record, written, whole, holder=holder, held_until=now + HOLD_SECONDS
            )
        )
        if whole is not None:
            self._announce(self._cell)


def _attended(journal: Journal, now: float) -> Journal:
    """The journal with the time in which nobody could advance the action counted."""
    action = journal.action
    late = now - max(action.updated_at, action.wake_at)
    if late <= _UNATTENDED_SECONDS:
        return journal
    return msgspec.structs.replace(journal, action=msgspec.structs.replace(action, unattended=action.unattended + late))
