"""Create a server: bind its claim, make its ports, build its guest on the claimed host.

The claim is held when the request is answered; a crash before the server is written down lets it expire. A host that
fails is undone, and the whole begins again on another one. What is left in ERROR holds no claim, no port and no guest.
"""

from __future__ import annotations

from typing import Any

import msgspec
from kilonova_kit.clock import system_clock
from kilonova_kit.errors import BadRequest, Conflict, NotFound
from kilonova_messages.steps import EnsureGuest, HostStep, RemoveGuest

from kilonova_compute.actions import states
from kilonova_compute.actions.guest_wishes import wish_for
from kilonova_compute.actions.steps import Action, Context, Outcome, Step, StepFailed, minutes
from kilonova_compute.external.network import Port
from kilonova_compute.external.placement import Refused
from kilonova_compute.model.actions import StepFault
from kilonova_compute.model.requests import ClaimedPlace, ServerRequest
from kilonova_compute.model.servers import Power, Server, TaskState, VmState, WantedNetwork


async def bind_claim(context: Context) -> Outcome:
    """Bind the held claim; where it is gone, or its host has failed, claim anew in this cell."""
    placement, claim_id = context.services.placement, claim_id_of(context.server.id, context.action.attempt)
    place = await placement.bind(claim_id)
    if place is None:
        place = await _claim_anew(context, f"{claim_id}.again" if context.action.attempt == 1 else claim_id)
    found, zone = place, context.services.zone_of(place.host_id)
    return Outcome(result={"host": found.host}, change=lambda server: _placed(server, found, zone))


async def _claim_anew(context: Context, claim_id: str) -> ClaimedPlace:
    """The id is the same when the step is repeated, and another in another attempt."""
    placement, given = context.services.placement, context.action.input
    request = msgspec.convert(given["request"], ServerRequest)
    excluded = request.not_hosts + tuple(given.get("not_hosts", ()))
    request = msgspec.structs.replace(request, cell=context.server.cell, not_hosts=excluded)
    try:
        await placement.claim({claim_id: request})
    except Refused as refused:
        raise StepFailed("no_host", refused.message) from refused
    except Conflict as expired:  # claimed before a crash, and not bound in time: another attempt has another id
        raise StepFailed("no_host", expired.message, elsewhere=True) from expired
    place = await placement.bind(claim_id)
    if place is None:
        raise StepFailed("no_host", "the claim was lost before it could be bound", elsewhere=True)
    return place


def claim_id_of(server_id: str, attempt: int) -> str:
    return server_id if attempt == 1 else f"{server_id}.{attempt}"


def _placed(server: Server, place: ClaimedPlace, zone: str) -> Server:
    return msgspec.structs.replace(
        server,
        claim_id=place.claim_id,
        host_id=place.host_id,
        host=place.host,
        node=place.host,
        availability_zone=zone,
        task_state=TaskState.NETWORKING,
    )


async def release_claim(context: Context) -> Outcome:
    """Release whatever this server has claimed: a new server has no other claims than this action's.

    Where another host may do it, this one has failed: placement prefers others for a while.
    """
    placement, fault = context.services.placement, context.action.fault
    await placement.release_all_of(context.server.id)
    if fault is not None and fault.elsewhere and context.server.host_id:
        await placement.build_failed(context.server.host_id)
    return Outcome(change=lambda server: msgspec.structs.replace(server, claim_id=None))


async def bind_ports(context: Context) -> Outcome:
    """Make the ports that are asked for, and bind the given ones; those that exist already are taken as they are."""
    server, network = context.server, context.services.network
    existing = [] if context.first_try else await network.ports_of(server)
    ports: list[Port] = []
    for number, wanted in enumerate(server.networks):
        made = next((port for port in existing if port.answers(wanted, number)), None)
        ports.append(made or await _make_port(context, wanted, number))
    addresses = await network.addresses(ports)
    return Outcome(
        result={"ports": msgspec.to_builtins(ports)},
        change=lambda server: msgspec.structs.replace(server, addresses=addresses, task_state=TaskState.SPAWNING),
    )


async def _make_port(context: Context, wanted: WantedNetwork, number: int) -> Port:
    server, network = context.server, context.services.network
    binding = {
        "device_id": server.id,
        "device_owner": f"compute:{server.availability_zone or 'nova'}",
        "binding:host_id": server.host,
    }
    try:
        if wanted.port_id:
            return await _take_port(context, wanted.port_id, binding)
        values: dict[str, Any] = {
            **binding,
            "network_id": wanted.network_id,
            "project_id": server.project_id,
            "admin_state_up": True,
            "binding:profile": {"nic": number},
        }
        if wanted.fixed_ip:
            values["fixed_ips"] = [{"ip_address": wanted.fixed_ip}]
        if groups := context.action.input.get("security_group_ids"):
            values["security_groups"] = groups
        return await network.create_port(values)
    except (BadRequest, NotFound, Conflict) as error:
        raise StepFailed("network", error.message) from error


async def _take_port(context: Context, port_id: str, binding: dict[str, str | None]) -> Port:
    """Bind a port that the user made; one that another server has is not ours to take."""
    network = context.services.network
    port = await network.port(port_id)
    if port is None:
        raise StepFailed("network", f"Port {port_id} could not be found.")
    if port.device_id not in ("", context.server.id):
        raise StepFailed("network", f"Port {port_id} is still in use.")
    return await network.update_port(port_id, binding)


async def unbind_ports(context: Context) -> Outcome:
    """Delete the ports that were made for the server and let go of those that were given."""
    await let_go_of_ports(context)
    return Outcome(change=lambda server: msgspec.structs.replace(server, addresses=()))


async def let_go_of_ports(context: Context) -> None:
    network = context.services.network
    given = {wanted.port_id for wanted in context.server.networks if wanted.port_id}
    for port in await network.ports_of(context.server):
        if port.id in given:
            await network.update_port(port.id, {"device_id": "", "device_owner": "", "binding:host_id": ""})
        else:
            await network.delete_port(port.id)


async def build_guest(context: Context) -> HostStep:
    ports = msgspec.convert(context.results["bind_ports"]["ports"], list[Port])
    return EnsureGuest(wish=await wish_for(context, ports), power="on")


async def remove_guest(context: Context) -> HostStep:
    return RemoveGuest()


def _built(server: Server) -> Server:
    now = system_clock()
    return msgspec.structs.replace(
        server,
        vm_state=VmState.ACTIVE,
        task_state=None,
        power=Power.RUNNING,
        launched_at=now,
        updated_at=now,
        admin_password="",
    )


def _failed(server: Server, fault: StepFault) -> Server:
    return msgspec.structs.replace(states.in_error(server, fault), admin_password="")


CREATE_SERVER = Action(
    verb="create",
    steps=(
        Step(name="bind_claim", do=bind_claim, undo=release_claim),
        Step(name="bind_ports", do=bind_ports, undo=unbind_ports),
        Step(name="build_guest", on_host=build_guest, undo_on_host=remove_guest, within=minutes(10)),
    ),
    begun=states.doing(TaskState.SCHEDULING),
    finished=_built,
    failed=_failed,
    attempts=3,
)
