"""Delete a server: remove its guest, let go of its ports, release its claim.

Nothing is undone: each step brings the server nearer to being gone, and is tried until it is. Where the host is down
the rest goes on without it; the sweep of stray guests removes the guest when the host returns.
"""

from __future__ import annotations

import msgspec
from kilonova_kit.clock import system_clock
from kilonova_messages.steps import HostStep, RemoveGuest

from kilonova_compute.actions import states
from kilonova_compute.actions.create_server import let_go_of_ports
from kilonova_compute.actions.steps import Action, Context, Outcome, Step, minutes
from kilonova_compute.model.servers import Power, Server, TaskState, VmState


async def remove_guest(context: Context) -> HostStep:
    return RemoveGuest()


async def release_ports(context: Context) -> Outcome:
    await let_go_of_ports(context)
    return Outcome()


async def release_claims(context: Context) -> Outcome:
    """Release whatever is claimed for the server, also what a broken create may have left."""
    await context.services.placement.release_all_of(context.server.id)
    return Outcome(change=lambda server: msgspec.structs.replace(server, claim_id=None))


def _no_host(context: Context) -> bool:
    return context.server.host_id is None


def _deleted(server: Server) -> Server:
    now = system_clock()
    return msgspec.structs.replace(
        server,
        vm_state=VmState.DELETED,
        task_state=None,
        power=Power.NOSTATE,
        terminated_at=now,
        updated_at=now,
        admin_password="",
    )


DELETE_SERVER = Action(
    verb="delete",
    steps=(
        Step(name="remove_guest", on_host=remove_guest, skip=_no_host, within=minutes(5), done_without_host=True),
        Step(name="release_ports", do=release_ports, within=minutes(10)),
        Step(name="release_claims", do=release_claims, within=minutes(10)),
    ),
    begun=states.doing(TaskState.DELETING),
    finished=_deleted,
    failed=states.in_error,
)
