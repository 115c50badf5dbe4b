"""What a server becomes at the begin and the end of an action: small pure changes, put together by the action files."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from kilonova_kit.clock import system_clock

from kilonova_compute.actions.steps import ServerChange
from kilonova_compute.model.actions import StepFault
from kilonova_compute.model.servers import Fault, Power, Server, TaskState, VmState


def doing(task: TaskState) -> ServerChange:
    """The action has begun."""

    def change(server: Server) -> Server:
        return msgspec.structs.replace(server, task_state=task, updated_at=system_clock())

    return change


def now_is(vm_state: VmState, power: Power) -> ServerChange:
    """The action has succeeded; a fault of old is forgotten."""

    def change(server: Server) -> Server:
        return msgspec.structs.replace(
            server, vm_state=vm_state, power=power, task_state=None, fault=None, updated_at=system_clock()
        )

    return change


def as_before(server: Server, fault: StepFault) -> Server:
    """The action failed and left the server as it was, unless its guest is gone."""
    if fault.code == "guest_not_found":
        return in_error(server, fault)
    return msgspec.structs.replace(server, task_state=None, updated_at=system_clock())


def in_error(server: Server, fault: StepFault) -> Server:
    """The server is of no use, and says why."""
    now = system_clock()
    return msgspec.structs.replace(
        server,
        vm_state=VmState.ERROR,
        task_state=None,
        power=Power.NOSTATE,
        fault=Fault(code=500, message=fault.message, created_at=now, details=fault.code),
        updated_at=now,
    )


def in_turn(changes: Sequence[ServerChange]) -> ServerChange:
    """One change after the other."""

    def change(server: Server) -> Server:
        for one in changes:
            server = one(server)
        return server

    return change
