"""What the engine does next, by table: decided from the steps and the journal alone."""

from __future__ import annotations

from typing import Any

import pytest
from kilonova_compute.model.actions import (
    ActionRecord,
    ActionState,
    Do,
    Fail,
    Finish,
    Line,
    LineState,
    Move,
    Retry,
    StepFault,
    Undo,
    next_move,
)

_STEPS, _UNDOABLE = ("claim", "ports", "guest"), frozenset({"claim", "guest"})
_ELSEWHERE = StepFault(code="host_down", message="gone", elsewhere=True)


def _next(states: dict[str, LineState], attempts: int = 3, **more: Any) -> Move:
    values: dict[str, Any] = {
        "id": "a", "server_id": "s", "verb": "create", "request_id": "r", "user_id": "u", "project_id": "p",
        "started_at": 0.0, "updated_at": 0.0, **more,
    }  # fmt: skip
    lines = [
        Line(step=step, position=_STEPS.index(step), attempt=1, state=state, started_at=0.0)
        for step, state in states.items()
    ]
    return next_move(_STEPS, _UNDOABLE, attempts, ActionRecord(**values), lines)


_DONE, _BEGUN, _FAILED, _UNDONE = LineState.DONE, LineState.BEGUN, LineState.FAILED, LineState.UNDONE
_UNDOING = {"state": ActionState.UNDOING}


@pytest.mark.parametrize(
    ("states", "more", "move"),
    [
        ({}, {}, Do("claim")),
        ({"claim": _BEGUN}, {}, Do("claim")),  # a crash repeats what was begun
        ({"claim": _DONE}, {}, Do("ports")),
        ({"claim": _DONE, "ports": _DONE, "guest": _BEGUN}, {}, Do("guest")),
        ({"claim": _DONE, "ports": _DONE, "guest": _DONE}, {}, Finish()),
        ({"claim": _DONE, "ports": _DONE, "guest": _FAILED}, {}, Undo("guest")),
        ({"claim": _DONE, "ports": _FAILED}, {}, Undo("claim")),  # the ports have no undo
        ({"claim": _DONE, "ports": _DONE, "guest": _UNDONE}, _UNDOING, Undo("claim")),
        ({"claim": _UNDONE, "ports": _DONE, "guest": _UNDONE}, _UNDOING, Fail()),
        ({"claim": _UNDONE}, {**_UNDOING, "fault": _ELSEWHERE}, Retry()),
        ({"claim": _UNDONE}, {**_UNDOING, "fault": _ELSEWHERE, "attempt": 3}, Fail()),
        ({"claim": _UNDONE}, {**_UNDOING, "fault": _ELSEWHERE, "cancelled": True}, Fail()),
        ({"claim": _DONE}, {"cancelled": True}, Undo("claim")),
        ({}, {"cancelled": True}, Fail()),
        ({"claim": _DONE, "ports": _DONE, "guest": _DONE}, {"cancelled": True}, Finish()),  # too late to be cancelled
    ],
)
def test_the_next_move_follows_from_the_journal(states: dict[str, LineState], more: dict[str, Any], move: Move) -> None:
    assert _next(states, **more) == move
