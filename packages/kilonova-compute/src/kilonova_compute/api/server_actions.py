"""``POST /servers/{id}/action``: one URL, and a table of what may be done, each with its own policy and body.

What the API has and this cloud does not yet do is in the table too: it checks who asks for which server, then says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, NotFound, NotImplementedHere
from kilonova_kit.http import bodies
from kilonova_kit.http.operations import Answer, Call, NoQuery
from kilonova_kit.http.policy import Policy
from kilonova_kit.http.versioned import NEVER, Version
from msgspec import UNSET, Meta, UnsetType

from kilonova_compute.api import versions
from kilonova_compute.api.policies import UNLOCK_OVERRIDE, admins, managing, writing
from kilonova_compute.api.servers import found
from kilonova_compute.app import server_consoles, server_security_groups
from kilonova_compute.app import servers as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.servers import Server, VmState

ActionCall = Call[Compute, dict[str, Any], NoQuery]
Handler = Callable[[ActionCall, Server, Any], Awaitable[Answer | None]]


class RebootBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to reboot."""

    type: Literal["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]


class LockBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a server is locked."""

    locked_reason: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET


class StateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state to be set."""

    state: Literal["active", "error"]


class ConsoleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many lines; None, -1 or nothing mean all."""

    length: int | str | None = None


class GroupBody(msgspec.Struct, frozen=True):
    """A security group, by name or id."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAction:
    """A line of the table. ``takes`` is None where the body says nothing that counts."""

    policy: Policy
    run: Handler
    takes: Any = None
    optional: bool = False
    since: Version = (2, 1)
    until: Version = NEVER


async def act(call: ActionCall) -> Answer:
    """Find out what is asked, of whom, by whom; then do it."""
    name, given = _only_item(call.body)
    action = ACTIONS.get(name)
    if action is None:
        raise BadRequest(f"There is no such action: {name}")
    if not action.since <= call.version < action.until:
        raise NotFound("The resource could not be found.")
    call.enforce(action.policy)
    body = _body_of(action, name, given)
    server = await found(call)
    return await action.run(call, server, body) or Answer(status=202)


def _only_item(body: dict[str, Any]) -> tuple[str, Any]:
    if len(body) != 1:
        raise BadRequest("Malformed request body: it names exactly one action.")
    return next(iter(body.items()))


def _body_of(action: ServerAction, name: str, given: Any) -> Any:
    if action.takes is None:
        return given
    if given is None and action.optional:
        return action.takes()
    try:
        return bodies.convert(given, action.takes)
    except BadRequest as error:
        raise BadRequest(error.message.replace("attribute body", f"attribute {name}")) from None


# --- power


async def start(call: ActionCall, server: Server, given: Any) -> None:
    await app.start(call.app, call.identity, server, call.request_id)


async def stop(call: ActionCall, server: Server, given: Any) -> None:
    await app.stop(call.app, call.identity, server, call.request_id)


async def reboot(call: ActionCall, server: Server, given: RebootBody) -> None:
    await app.reboot(call.app, call.identity, server, given.type.upper() == "HARD", call.request_id)


async def pause(call: ActionCall, server: Server, given: Any) -> None:
    await app.pause(call.app, call.identity, server, call.request_id)


async def unpause(call: ActionCall, server: Server, given: Any) -> None:
    await app.unpause(call.app, call.identity, server, call.request_id)


# --- locks and states


async def lock(call: ActionCall, server: Server, given: Any) -> None:
    reason: str | None = None
    if call.version >= versions.LOCKED_REASON and given is not None:
        wish = bodies.convert(given, LockBody)
        reason = None if wish.locked_reason is UNSET else wish.locked_reason
    await app.set_locked(call.app, call.identity, server, True, reason, call.request_id)


async def unlock(call: ActionCall, server: Server, given: Any) -> None:
    if server.locked_by and server.locked_by != app.locker_of(call.identity, server):
        call.enforce(UNLOCK_OVERRIDE)
    await app.set_locked(call.app, call.identity, server, False, None, call.request_id)


async def reset_state(call: ActionCall, server: Server, given: StateBody) -> None:
    await app.reset_state(call.app, server, given.state == "active")


async def reset_network(call: ActionCall, server: Server, given: Any) -> Answer:
    """Only one hypervisor of old could do this; the API went with it."""
    return Answer(status=410)


async def inject_network_info(call: ActionCall, server: Server, given: Any) -> None:
    """The host's network is kept right by itself: nothing is to be done."""
    app.check_unlocked(call.identity, server)


async def force_delete(call: ActionCall, server: Server, given: Any) -> None:
    await app.delete(call.app, call.identity, server, call.request_id)


async def restore(call: ActionCall, server: Server, given: Any) -> None:
    """Nothing is ever deleted softly here, so there is nothing to bring back."""
    raise Conflict(f"Cannot 'restore' instance {server.id} while it is in vm_state {server.vm_state.value}")


async def crash_dump(call: ActionCall, server: Server, given: Any) -> None:
    app.check_unlocked(call.identity, server)
    if server.vm_state not in (VmState.ACTIVE, VmState.PAUSED):
        raise Conflict(f"Cannot 'trigger_crash_dump' instance {server.id} while it is in vm_state {server.vm_state}")
    raise BadRequest("The driver of this server's host cannot trigger a crash dump.")


# --- console and security groups


async def console_output(call: ActionCall, server: Server, given: ConsoleBody) -> Answer:
    output = await server_consoles.output(call.app, server, _lines(given.length))
    return Answer({"output": output}, status=200)


def _lines(length: int | str | None) -> int | None:
    """How many lines are asked for; None for all."""
    try:
        number = -1 if length in (None, "") else int(length or 0)
    except ValueError:
        number = -2
    if number < -1:
        raise BadRequest(f"Invalid input for field/attribute length. Value: {length}. It is not a number of lines")
    return None if number == -1 else number


async def add_security_group(call: ActionCall, server: Server, given: GroupBody) -> None:
    await server_security_groups.add(call.app, call.identity, server, _group_name(given))


async def remove_security_group(call: ActionCall, server: Server, given: GroupBody) -> None:
    await server_security_groups.remove(call.app, call.identity, server, _group_name(given))


def _group_name(given: GroupBody) -> str:
    if not given.name.strip():
        raise BadRequest("Security group name cannot be empty")
    return given.name


# --- what this cloud does not do yet


def _not_here(name: str) -> Handler:
    async def refuse(call: ActionCall, server: Server, given: Any) -> None:
        raise NotImplementedHere(f"The action {name} is not implemented by this cloud yet.")

    return refuse


def _missing(name: str, policy: Policy, since: Version = (2, 1), until: Version = NEVER) -> dict[str, ServerAction]:
    return {name: ServerAction(policy=policy, run=_not_here(name), since=since, until=until)}


_NETWORK_PROXIES_GONE = (2, 44)

ACTIONS: dict[str, ServerAction] = {
    "os-start": ServerAction(policy=writing("servers:start"), run=start),
    "os-stop": ServerAction(policy=writing("servers:stop"), run=stop),
    "reboot": ServerAction(policy=writing("servers:reboot"), run=reboot, takes=RebootBody),
    "pause": ServerAction(policy=writing("os-pause-server:pause"), run=pause),
    "unpause": ServerAction(policy=writing("os-pause-server:unpause"), run=unpause),
    "lock": ServerAction(policy=writing("os-lock-server:lock"), run=lock),
    "unlock": ServerAction(policy=writing("os-lock-server:unlock"), run=unlock),
    "os-getConsoleOutput": ServerAction(
        policy=writing("os-console-output"), run=console_output, takes=ConsoleBody, optional=True
    ),
    "os-resetState": ServerAction(policy=admins("os-admin-actions:reset_state"), run=reset_state, takes=StateBody),
    "injectNetworkInfo": ServerAction(policy=admins("os-admin-actions:inject_network_info"), run=inject_network_info),
    "resetNetwork": ServerAction(policy=admins("os-admin-actions:reset_network"), run=reset_network),
    "forceDelete": ServerAction(policy=writing("os-deferred-delete:force"), run=force_delete),
    "restore": ServerAction(policy=writing("os-deferred-delete:restore"), run=restore),
    "trigger_crash_dump": ServerAction(policy=writing("servers:trigger_crash_dump"), run=crash_dump, since=(2, 17)),
    "addSecurityGroup": ServerAction(policy=writing("os-security-groups:add"), run=add_security_group, takes=GroupBody),
    "removeSecurityGroup": ServerAction(
        policy=writing("os-security-groups:remove"), run=remove_security_group, takes=GroupBody
    ),
    **_missing("resize", writing("servers:resize")),
    **_missing("confirmResize", writing("servers:confirm_resize")),
    **_missing("revertResize", writing("servers:revert_resize")),
    **_missing("rebuild", writing("servers:rebuild")),
    **_missing("createImage", writing("servers:create_image")),
    **_missing("createBackup", writing("os-create-backup")),
    **_missing("changePassword", writing("os-admin-password")),
    **_missing("migrate", managing("os-migrate-server:migrate")),
    **_missing("os-migrateLive", managing("os-migrate-server:migrate_live")),
    **_missing("evacuate", admins("os-evacuate")),
    **_missing("suspend", writing("os-suspend-server:suspend")),
    **_missing("resume", writing("os-suspend-server:resume")),
    **_missing("rescue", writing("os-rescue")),
    **_missing("unrescue", writing("os-unrescue")),
    **_missing("shelve", writing("os-shelve:shelve")),
    **_missing("shelveOffload", admins("os-shelve:shelve_offload")),
    **_missing("unshelve", writing("os-shelve:unshelve")),
    **_missing("addFixedIp", writing("os-multinic:add"), until=_NETWORK_PROXIES_GONE),
    **_missing("removeFixedIp", writing("os-multinic:remove"), until=_NETWORK_PROXIES_GONE),
    **_missing("addFloatingIp", writing("os-floating-ips:add"), until=_NETWORK_PROXIES_GONE),
    **_missing("removeFloatingIp", writing("os-floating-ips:remove"), until=_NETWORK_PROXIES_GONE),
    **_missing("os-getVNCConsole", writing("os-remote-consoles"), until=(2, 6)),
    **_missing("os-getSPICEConsole", writing("os-remote-consoles"), until=(2, 6)),
    **_missing("os-getSerialConsole", writing("os-remote-consoles"), until=(2, 6)),
    **_missing("os-getRDPConsole", writing("os-remote-consoles"), until=(2, 6)),
}
