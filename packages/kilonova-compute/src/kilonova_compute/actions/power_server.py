"""Start, stop, reboot, pause, unpause: each one step on the server's host.

None is undone: the guest stays as the host left it, the action says what went wrong, and the power that the host
reports is the truth.
"""

from __future__ import annotations

from kilonova_messages.steps import EnsureGuest, HostStep, PauseGuest, RebootGuest, StopGuest, UnpauseGuest

from kilonova_compute.actions import states
from kilonova_compute.actions.guest_wishes import wish_for
from kilonova_compute.actions.steps import Action, Context, Step, minutes
from kilonova_compute.model.servers import Power, TaskState, VmState

#: How long a guest may take to shut down when it is asked (nova: ``shutdown_timeout``).
GRACE_SECONDS = 60.0


async def start_guest(context: Context) -> HostStep:
    return EnsureGuest(wish=await wish_for(context), power="on")


async def stop_guest(context: Context) -> HostStep:
    return StopGuest(mode="graceful", grace_seconds=GRACE_SECONDS)


async def reboot_softly(context: Context) -> HostStep:
    return RebootGuest(wish=await wish_for(context), mode="graceful", grace_seconds=GRACE_SECONDS)


async def reboot_hard(context: Context) -> HostStep:
    return RebootGuest(wish=await wish_for(context), mode="force")


async def pause_guest(context: Context) -> HostStep:
    return PauseGuest()


async def unpause_guest(context: Context) -> HostStep:
    return UnpauseGuest()


START_SERVER = Action(
    verb="start",
    steps=(Step(name="start_guest", on_host=start_guest, within=minutes(5)),),
    begun=states.doing(TaskState.POWERING_ON),
    finished=states.now_is(VmState.ACTIVE, Power.RUNNING),
    failed=states.as_before,
)

STOP_SERVER = Action(
    verb="stop",
    steps=(Step(name="stop_guest", on_host=stop_guest, within=minutes(5)),),
    begun=states.doing(TaskState.POWERING_OFF),
    finished=states.now_is(VmState.STOPPED, Power.SHUTDOWN),
    failed=states.as_before,
)

REBOOT_SERVER = Action(
    verb="reboot",
    steps=(Step(name="reboot_guest", on_host=reboot_softly, within=minutes(5)),),
    begun=states.doing(TaskState.REBOOTING),
    finished=states.now_is(VmState.ACTIVE, Power.RUNNING),
    failed=states.as_before,
)

REBOOT_SERVER_HARD = Action(
    verb="reboot_hard",
    steps=(Step(name="reboot_guest", on_host=reboot_hard, within=minutes(5)),),
    begun=states.doing(TaskState.REBOOTING_HARD),
    finished=states.now_is(VmState.ACTIVE, Power.RUNNING),
    failed=states.as_before,
)

PAUSE_SERVER = Action(
    verb="pause",
    steps=(Step(name="pause_guest", on_host=pause_guest, within=minutes(2)),),
    begun=states.doing(TaskState.PAUSING),
    finished=states.now_is(VmState.PAUSED, Power.PAUSED),
    failed=states.as_before,
)

UNPAUSE_SERVER = Action(
    verb="unpause",
    steps=(Step(name="unpause_guest", on_host=unpause_guest, within=minutes(2)),),
    begun=states.doing(TaskState.UNPAUSING),
    finished=states.now_is(VmState.ACTIVE, Power.RUNNING),
    failed=states.as_before,
)
