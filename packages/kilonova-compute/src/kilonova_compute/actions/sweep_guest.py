"""Sweep a guest: remove one that a host has and should not (its server is deleted, or lives elsewhere).

Started by the reconciler of stray guests; the server itself does not change.
"""

from __future__ import annotations

from kilonova_messages.steps import HostStep, RemoveGuest

from kilonova_compute.actions.steps import Action, Context, Step, minutes
from kilonova_compute.model.actions import StepFault
from kilonova_compute.model.servers import Server


async def remove_stray(context: Context) -> HostStep:
    return RemoveGuest()


def _same(server: Server) -> Server:
    return server


def _still_same(server: Server, fault: StepFault) -> Server:
    return server


SWEEP_GUEST = Action(
    verb="sweep_guest",
    steps=(Step(name="remove_stray", on_host=remove_stray, within=minutes(5)),),
    begun=_same,
    finished=_same,
    failed=_still_same,
)
