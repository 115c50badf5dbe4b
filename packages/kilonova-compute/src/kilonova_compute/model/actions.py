"""An action and its journal, and the plan: what is to be done next, decided without doing anything.

    queued ──► running ──► finished
                  │
                  └─► undoing ──► failed   (or running again, on another host)

The journal has one line per step of the present attempt. A crash may repeat a step or leave it half done: every do and
undo is idempotent. No code is replayed: only the step names and their states count, so a step in flight may not be
renamed, removed or reordered; a new action name is made instead.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import msgspec


class ActionState(enum.StrEnum):
    """How an action stands."""

    QUEUED = "queued"
    RUNNING = "running"
    UNDOING = "undoing"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def open(self) -> bool:
        return self not in (ActionState.FINISHED, ActionState.FAILED)


class LineState(enum.StrEnum):
    """How a step stands in the journal."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


class StepFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step failed. ``elsewhere`` says that another host may succeed."""

    code: str
    message: str
    elsewhere: bool = False


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One step in the journal. ``operation_id`` and ``generation`` are those of its present question to a host.

    ``unattended``: what the action's was when the step began.
    """

    step: str
    position: int
    attempt: int
    state: LineState
    started_at: float
    finished_at: float | None = None
    result: dict[str, Any] = {}
    fault: StepFault | None = None
    host_id: str | None = None
    operation_id: str = ""
    generation: int = 0
    tries: int = 0
    unattended: float = 0.0


class ActionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An action on one server. ``wake_at`` is when it must be looked at again, whatever happens."""

    id: str
    server_id: str
    verb: str
    request_id: str
    user_id: str
    project_id: str
    started_at: float
    updated_at: float
    state: ActionState = ActionState.RUNNING
    finished_at: float | None = None
    message: str | None = None
    fault: StepFault | None = None
    input: dict[str, Any] = {}
    attempt: int = 1
    wake_at: float = 0.0
    #: Set by a later action (a delete) that wants this one to end: it is undone at the next step.
    cancelled: bool = False
    #: For how many seconds in all it was due and nobody looked: the time limits of steps do not count them.
    unattended: float = 0.0
    #: Grows whenever another worker takes the action over; a write with an older one is refused.
    epoch: int = 0


class Move(msgspec.Struct, frozen=True):
    """What is to be done next."""


class Do(Move, frozen=True):
    """Run this step, or go on waiting for its host."""

    step: str


class Undo(Move, frozen=True):
    """Undo this step."""

    step: str


class Finish(Move, frozen=True):
    """All steps are done."""


class Retry(Move, frozen=True):
    """All is undone, and another host may succeed."""


class Fail(Move, frozen=True):
    """All is undone."""


def next_move(
    steps: Sequence[str], undoable: frozenset[str], attempts: int, action: ActionRecord, lines: Sequence[Line]
) -> Move:
    """Decide. ``lines`` are those of the present attempt."""
    states = {line.step: line.state for line in lines}
    failed = action.state is ActionState.UNDOING or LineState.FAILED in states.values()
    if not failed:
        left = [step for step in steps if states.get(step) is not LineState.DONE]
        if not left:
            return Finish()
        return _back(steps, undoable, states, False) if action.cancelled else Do(left[0])
    elsewhere = bool(action.fault and action.fault.elsewhere) and action.attempt < attempts and not action.cancelled
    return _back(steps, undoable, states, elsewhere)


def _back(steps: Sequence[str], undoable: frozenset[str], states: dict[str, LineState], elsewhere: bool) -> Move:
    """The last step begun that has something to undo, else the end."""
    for step in reversed(steps):
        if step in undoable and step in states and states[step] is not LineState.UNDONE:
            return Undo(step)
    return Retry() if elsewhere else Fail()
