"""Public statuses and the states behind them."""

from __future__ import annotations

import pytest
from kilonova_compute.model.servers import TaskState, VmState, all_statuses, states_of_status, status_of


@pytest.mark.parametrize(
    ("vm_state", "task_state", "status"),
    [
        (VmState.BUILDING, TaskState.SPAWNING, "BUILD"),
        (VmState.ACTIVE, None, "ACTIVE"),
        (VmState.ACTIVE, TaskState.POWERING_OFF, "ACTIVE"),
        (VmState.ACTIVE, TaskState.REBOOTING, "REBOOT"),
        (VmState.STOPPED, TaskState.REBOOTING_HARD, "HARD_REBOOT"),
        (VmState.STOPPED, None, "SHUTOFF"),
        (VmState.PAUSED, None, "PAUSED"),
        (VmState.ERROR, None, "ERROR"),
        (VmState.DELETED, None, "DELETED"),
    ],
)
def test_a_status_is_derived_from_states(vm_state: VmState, task_state: TaskState | None, status: str) -> None:
    assert status_of(vm_state, task_state) == status


@pytest.mark.parametrize(
    ("statuses", "states"),
    [
        (["ACTIVE"], (("active",), None)),
        (["SHUTOFF", "PAUSED"], (("stopped", "paused"), None)),
        (["REBOOT"], (("active", "stopped"), ("rebooting",))),
        (["HARD_REBOOT"], (("active", "stopped", "error"), ("rebooting_hard",))),
        (["SUSPENDED"], ((), None)),
    ],
)
def test_a_status_is_sought_by_the_states_behind_it(statuses: list[str], states: tuple[object, object]) -> None:
    assert states_of_status(statuses) == states
    assert set(statuses) <= all_statuses()
