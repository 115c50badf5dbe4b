"""Create servers: all is checked while the client waits, the resources are claimed, then the work is written down.

checks ─► request written ─► claim held ─┬─► server + action in the claim's cell ─► 202, and the action goes on
                                         └─ refused ─► server in cell0, ERROR, the explanation as its fault
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import BadRequest, Conflict, Forbidden, NotFound, QuotaExceeded
from kilonova_kit.http.identity import Identity
from kilonova_kit.ids import is_uuid_like, new_uuid

from kilonova_compute.actions.create_server import claim_id_of
from kilonova_compute.actions.open_journal import HOLD_SECONDS
from kilonova_compute.app import hints, presets, quotas, server_groups, unified_limits
from kilonova_compute.app import servers as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.cells.cells import CELL0
from kilonova_compute.external.identity import KeptLimits
from kilonova_compute.external.image import snapshot_of
from kilonova_compute.external.placement import Refused
from kilonova_compute.model.actions import Line, LineState, StepFault
from kilonova_compute.model.requests import ClaimedPlace, ServerRequest
from kilonova_compute.model.servers import Fault, FlavorSnapshot, ImageSnapshot, Server, VmState, WantedNetwork
from kilonova_compute.store import actions as action_store
from kilonova_compute.store import index as index_store
from kilonova_compute.store import requests as request_store
from kilonova_compute.store import server_groups as group_store
from kilonova_compute.store import servers as store
from kilonova_compute.store.actions import Journal

_GIB = 1024**3
#: So many servers may one question ask for: as many as placement claims in one step.
MOST_AT_ONCE = 1000


class WishedFile(NamedTuple):
    """A file to be injected. No host does, but quotas are for all that is asked for."""

    path: str
    content: bytes


class CreateWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a create request asks for, in words without versions. ``networks`` None means that it said nothing."""

    name: str
    flavor: FlavorSnapshot
    image_id: str | None
    networks: tuple[WantedNetwork, ...] | None = None
    network_mode: str = ""  # "auto" or "none"
    count_min: int = 1
    count_max: int = 1
    description: str | None = None
    hostname: str | None = None
    key_name: str | None = None
    key_type: str = "ssh"
    public_key: str = ""
    metadata: dict[str, str] = {}
    files: tuple[WishedFile, ...] = ()
    tags: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    user_data: str | None = None
    config_drive: bool = False
    config_drive_text: str = ""
    availability_zone: str | None = None
    host: str | None = None
    node: str | None = None
    forced: bool = False  # the host is told by an administrator, whomever it is for
    access_ip_v4: str = ""
    access_ip_v6: str = ""
    disk_config: str = "MANUAL"
    scheduler_hints: dict[str, list[str]] = {}
    admin_password: str = ""
    trusted_certs: tuple[str, ...] | None = None


def check_metadata_count(compute: Compute, project_id: str, metadata: Mapping[str, str], most: int) -> None:
    """Raise QuotaExceeded for more items than a server may have."""
    if 0 <= most < len(metadata):
        words = f"Maximum number of metadata items exceeds {most}"
        raise quotas.refusal(compute, project_id, "metadata_items", most, 0, len(metadata), words)


async def _check_files(compute: Compute, project_id: str, files: Sequence[WishedFile]) -> None:
    """Raise QuotaExceeded (in nova's words) for too many files, names or contents that are too long."""
    limits = await quotas.limits_of(compute, project_id)
    longest, largest = max(len(file.path) for file in files), max(len(file.content) for file in files)
    for name, most, wanted, words in (
        ("injected_files", limits.injected_files, len(files), "Personality file limit exceeded"),
        ("injected_file_path_bytes", limits.injected_file_path_bytes, longest, "Personality file path exceeds maximum"),
        (
            "injected_file_content_bytes",
            limits.injected_file_content_bytes,
            largest,
            "Personality file content exceeds maximum",
        ),
    ):
        if 0 <= most < wanted:
            said = words if name == "injected_files" else f"{words} {most}"
            raise quotas.refusal(compute, project_id, name, most, 0, wanted, said)


async def create(compute: Compute, identity: Identity, wish: CreateWish, request_id: str) -> list[Server]:
    """Check, claim and write down; the servers in the order of their launch indexes."""
    project_id = identity.project_id
    if project_id is None:
        raise Forbidden("A server needs a project: use a token with a project scope.")
    _check_zone(compute, wish)
    if wish.metadata:
        most = (await quotas.limits_of(compute, project_id)).metadata_items
        check_metadata_count(compute, project_id, wish.metadata, most)
    if wish.files:
        await _check_files(compute, project_id, wish.files)
    kept = await compute.identity_limits.of(project_id) if compute.identity_limits else None
    count, limited = await _most_that_fit(compute, identity, wish, project_id, kept)
    wish = msgspec.structs.replace(wish, count_max=count)
    image = await checked_image(compute, identity, wish)
    needs = presets.needs_of(wish.flavor, image, compute.device_aliases)
    preset = presets.isolated(compute, project_id, presets.preset_of(wish.flavor, image, needs), image)
    if wish.forced:
        preset = presets.forced(compute, preset, wish.host or wish.node or "")
    if wish.scheduler_hints:
        preset = presets.with_hints(preset, await hints.asked(compute, identity, wish.scheduler_hints))
    networks, (groups, names) = await _networks(compute, identity, wish), await _groups(compute, identity, wish)
    _check_host(compute, wish)
    wish = msgspec.structs.replace(wish, networks=networks, security_groups=names)
    if needs.config_drive:
        wish = msgspec.structs.replace(wish, config_drive=True, config_drive_text="True")
    servers = _servers(compute, identity, wish, image, project_id)
    requests = {server.id: _request(server, preset, wish, request_id) for server in servers}
    members = await server_groups.most_members(compute, preset.group) if preset.group else -1
    asked = list(requests.values())
    await compute.cells.database.write(lambda tx: _write_down(tx, compute, asked, limited, kept, members))
    try:
        places = await _claim(compute, asked, kept)
    except Refused as refused:
        return await _write_refused(compute, identity, servers, refused.message, request_id)
    placed = [_in_cell(server, places[claim_id_of(server.id, 1)]) for server in servers]
    given = {server.id: _input(requests[server.id], groups) for server in placed}
    await _write(compute, identity, placed, given, request_id)
    return placed


# --- checks


def _check_zone(compute: Compute, wish: CreateWish) -> None:
    """A zone must have a host; whoever names a host has said where already."""
    zone, host = wish.availability_zone, wish.host or wish.node
    if zone and not host and zone not in {one.zone for one in compute.hosts.values() if not one.disabled}:
        raise BadRequest("The requested availability zone is not available")


async def _most_that_fit(
    compute: Compute, identity: Identity, wish: CreateWish, project_id: str, kept: KeptLimits | None
) -> tuple[int, bool]:
    """As many as the project's quota has room for, and whether there is a limit of ours that must be looked at again.

    At least the least that was asked for, else QuotaExceeded.
    """
    least, most, flavor = wish.count_min, min(wish.count_max, MOST_AT_ONCE), wish.flavor
    if least > most:
        raise BadRequest(f"min_count={least} is more than one request may ask for: ask for {most} at most.")
    if kept is not None:
        asked = presets.amounts_of_flavor(compute, flavor)
        return await unified_limits.most_that_fit(compute, kept, project_id, asked, least, most), False
    check = partial(app.check_room, compute, project_id, user_id=identity.user_id, vcpus=flavor.vcpus, ram=flavor.ram)
    if least == most:  # counted only once, where the request is written
        return most, await quotas.is_limited(compute, project_id, identity.user_id)
    limited = await check(count=least)
    while least < most:
        middle = (least + most + 1) // 2
        try:
            await check(count=middle)
            least = middle
        except QuotaExceeded:
            most = middle - 1
    return least, limited


async def checked_image(compute: Compute, identity: Identity, wish: CreateWish) -> ImageSnapshot | None:
    """The wish's image, if it has one, which fits its flavor. Raises BadRequest, Forbidden."""
    if wish.image_id is None:
        return None
    try:
        found = await compute.image.show(wish.image_id, identity.token)
    except NotFound as error:
        raise BadRequest(f"Can not find requested image: {wish.image_id}") from error
    if found["status"] != "active":
        raise BadRequest(f"Image {wish.image_id} is not active.")
    image, flavor = snapshot_of(found), wish.flavor
    if flavor.ram < image.min_ram:
        raise BadRequest("Flavor's memory is too small for requested image.")
    _check_disk(identity, image, flavor)
    return image


def _check_host(compute: Compute, wish: CreateWish) -> None:
    """A host or node that is asked for by its name must exist, and be one (nova, ComputeHostNotFound)."""
    wanted = [name for name in (wish.host, wish.node) if name]
    known = wanted and any(host.name == wanted[0] for host in compute.hosts.values())
    if wanted and (not known or wanted[-1] != wanted[0]):
        raise BadRequest(f"Compute host {wanted[-1]} could not be found.")


def _check_disk(identity: Identity, image: ImageSnapshot, flavor: FlavorSnapshot) -> None:
    if flavor.disk == 0:
        if not identity.is_admin:
            raise Forbidden("Only volume-backed servers are allowed for flavors with zero disk. ")
        return
    needed = max(image.virtual_size_bytes, image.size_bytes)
    if needed > flavor.disk * _GIB:
        raise BadRequest(
            "Flavor's disk is too small for requested image. "
            f"Flavor disk is {flavor.disk * _GIB} bytes, image is {needed} bytes."
        )
    if image.min_disk > flavor.disk:
        raise BadRequest(
            "Flavor's disk is smaller than the minimum size specified in image metadata. "
            f"Flavor disk is {flavor.disk * _GIB} bytes, minimum size is {image.min_disk * _GIB} bytes."
        )


async def _networks(compute: Compute, identity: Identity, wish: CreateWish) -> tuple[WantedNetwork, ...]:
    """The networks in order, each existing and usable by the project."""
    if wish.network_mode == "none":
        return ()
    if wish.networks:
        return await _checked_networks(compute, identity, wish)
    found = await compute.network.usable_networks(identity.token, identity.project_id or "")
    usable = [network for network in found if network["subnets"]]
    if len(usable) > 1 and wish.network_mode != "auto":
        raise Conflict("Multiple possible networks found, use a Network ID to be more specific.")
    if not usable and wish.network_mode == "auto":
        raise BadRequest("Unable to automatically allocate a network for project: it has none, and none is shared.")
    return tuple(WantedNetwork(network_id=network["id"]) for network in usable[:1])


async def _checked_networks(compute: Compute, identity: Identity, wish: CreateWish) -> tuple[WantedNetwork, ...]:
    wanted = wish.networks or ()
    ids = [one.network_id for one in wanted if one.network_id]
    found = await compute.network.networks(identity.token, ids) if ids else {}
    for one in wanted:
        if one.port_id:
            await _check_port(compute, identity, one.port_id, wish)
            continue
        network = found.get(one.network_id)
        if network is None:
            raise BadRequest(f"Network {one.network_id} could not be found.")
        if network.get("router:external") and not network.get("shared") and not identity.is_admin:
            raise Forbidden(f"It is not allowed to create an interface on external network {one.network_id}")
        if not network["subnets"]:
            raise BadRequest(f"Network {one.network_id} requires a subnet in order to boot instances on.")
        if one.fixed_ip and wish.count_max > 1:
            raise BadRequest("max_count cannot be greater than 1 if an fixed_ip is specified.")
    return wanted


async def _check_port(compute: Compute, identity: Identity, port_id: str, wish: CreateWish) -> None:
    if wish.count_max > 1:
        raise BadRequest("Multiple instances cannot be created with a given port")
    port = await compute.network.port(port_id, identity.token)
    if port is None:
        raise BadRequest(f"Port id {port_id} could not be found.")
    if port.project_id != identity.project_id:  # a network's owner may see what others have on it
        raise BadRequest(f"Port {port_id} not usable for instance: it belongs to another project.")
    if port.device_id:
        raise Conflict(f"Port {port_id} is still in use.")
    if not port.fixed_ips:
        raise BadRequest(f"Port {port_id} requires a FixedIP in order to be used.")


async def _groups(compute: Compute, identity: Identity, wish: CreateWish) -> tuple[list[str], tuple[str, ...]]:
    """The ids of the groups for new ports, and the names that the server shows; no ids mean the project's default."""
    if wish.network_mode == "none":
        return [], ()
    if not set(wish.security_groups) - {"default"}:
        return [], ("default",)
    project_id = identity.project_id or ""
    ids = await compute.network.security_group_ids(identity.token, project_id, wish.security_groups)
    if not any(is_uuid_like(name) for name in wish.security_groups):
        return ids, wish.security_groups
    return ids, tuple(group["name"] for group in await compute.network.security_groups(ids))


# --- records


def _servers(
    compute: Compute, identity: Identity, wish: CreateWish, image: ImageSnapshot | None, project_id: str
) -> list[Server]:
    now, reservation = compute.clock(), f"r-{new_uuid()[:8]}"
    servers = []
    for number in range(wish.count_max):
        server_id = new_uuid()
        name = f"{wish.name}-{number + 1}" if wish.count_max > 1 else wish.name
        hostname = wish.hostname if wish.hostname is not None else hostname_of(name, server_id)
        if wish.hostname is not None and wish.count_max > 1:
            hostname = f"{wish.hostname}-{number + 1}"
        servers.append(
            Server(
                id=server_id,
                cell=CELL0,
                project_id=project_id,
                user_id=identity.user_id,
                name=name,
                hostname=hostname,
                created_at=now,
                updated_at=now,
                flavor=wish.flavor,
                image=image,
                description=wish.description,
                wanted_zone=wish.availability_zone,
                wanted_host=wish.host or wish.node,
                launch_index=number,
                reservation_id=reservation,
                key_name=wish.key_name,
                key_type=wish.key_type,
                public_key=wish.public_key,
                metadata=wish.metadata,
                tags=wish.tags,
                scheduler_hints=wish.scheduler_hints,
                security_groups=wish.security_groups,
                networks=wish.networks or (),
                network_mode=wish.network_mode,
                access_ip_v4=wish.access_ip_v4,
                access_ip_v6=wish.access_ip_v6,
                user_data=wish.user_data,
                config_drive=wish.config_drive,
                config_drive_text=wish.config_drive_text,
                disk_config=wish.disk_config,
                trusted_certs=wish.trusted_certs,
                admin_password=wish.admin_password,
            )
        )
    return servers


def hostname_of(name: str, server_id: str) -> str:
    """A name made fit for a host (nova, utils.sanitize_hostname), ``Server-<uuid>`` where nothing is left of it."""
    kept = re.sub(r"[ _.]", "-", name.encode("ascii", "ignore").decode())
    kept = re.sub(r"[^A-Za-z0-9-]", "", kept).lower().strip("-")[:63].strip("-")
    return kept or f"Server-{server_id}"


def _request(server: Server, preset: ServerRequest, wish: CreateWish, request_id: str) -> ServerRequest:
    return msgspec.structs.replace(
        preset,
        server_id=server.id,
        project_id=server.project_id,
        user_id=server.user_id,
        zone="" if wish.forced else wish.availability_zone or "",
        host=server.wanted_host or "",
        request_id=request_id,
    )


def _input(request: ServerRequest, groups: Sequence[str]) -> dict[str, Any]:
    return {"request": msgspec.to_builtins(request), "security_group_ids": list(groups)}


def _in_cell(server: Server, place: ClaimedPlace) -> Server:
    return msgspec.structs.replace(server, cell=place.cell, claim_id=place.claim_id)


# --- claiming


async def _claim(compute: Compute, asked: Sequence[ServerRequest], kept: KeptLimits | None) -> dict[str, ClaimedPlace]:
    """Hold a claim for each. Raises Refused; QuotaExceeded where others claimed the rest of a limit meanwhile."""
    places = await compute.placement.claim({claim_id_of(one.server_id, 1): one for one in asked})
    if kept is not None:
        try:
            await unified_limits.check_claims(compute, kept, asked)
        except QuotaExceeded:
            await compute.cells.database.write(lambda tx: _take_back(tx, asked))
            for claim_id in places:
                await compute.placement.release(claim_id)
            raise
    return places


def _take_back(tx: Connection, requests: Sequence[ServerRequest]) -> None:
    """Forget requests that will never come to servers."""
    ids = [request.server_id for request in requests]
    request_store.remove(tx, ids)
    group_store.forget_members(tx, ids)


# --- writing


def _write_down(
    tx: Connection,
    compute: Compute,
    requests: Sequence[ServerRequest],
    limited: bool,
    kept: KeptLimits | None,
    most_members: int,
) -> None:
    """The requests, and with them the membership in their group. Raises QuotaExceeded."""
    if kept is not None:
        unified_limits.check_servers(tx, kept, requests, compute.clock())
    elif limited:
        quotas.check_again(tx, compute.limits, requests, compute.clock())
    request_store.add(tx, requests, compute.clock())
    if (group := requests[0].group) is not None:
        ids = [request.server_id for request in requests]
        server_groups.join(tx, compute, group.group_id, most_members, requests[0].user_id, ids)


async def _write(
    compute: Compute,
    identity: Identity,
    servers: Sequence[Server],
    given: Mapping[str, dict[str, Any]],
    request_id: str,
) -> None:
    """Servers with their actions, one transaction per cell; then the engine is woken and the index fed."""
    by_cell: dict[str, list[tuple[Server, Journal]]] = defaultdict(list)
    action, now = compute.engine.action("create"), compute.clock()
    first = (action.line(action.names[0], 1, now),)  # begun with the server: the engine need not write that it begins
    for server in servers:
        record = app.new_record(compute, identity, server, "create", request_id, given[server.id])
        begun = action.begun(server)
        by_cell[server.cell].append((begun, Journal(action=record, lines=first, server=begun)))
    for name, pairs in by_cell.items():
        cell = compute.cells.get(name)
        await cell.database.write(partial(_write_all, compute=compute, pairs=pairs))
        for _, journal in pairs:
            compute.engine.wake(cell, journal.action.id, journal)
    new = [(server, 1) for pairs in by_cell.values() for server, _ in pairs]
    await compute.cells.database.write(lambda tx: index_store.put(tx, new))  # sooner than the outbox brings them


def _write_all(tx: Connection, compute: Compute, pairs: Sequence[tuple[Server, Journal]]) -> None:
    held_until = compute.clock() + HOLD_SECONDS
    for server, journal in pairs:
        store.add(tx, server)
        action_store.open_action(tx, journal.action, holder=compute.engine.holder, held_until=held_until)
        action_store.write_lines(tx, journal.action.id, journal.lines)


async def _write_refused(
    compute: Compute, identity: Identity, servers: Sequence[Server], why: str, request_id: str
) -> list[Server]:
    """Servers that found no host live in cell0, in ERROR, and say why."""
    cell, now = compute.cells.get(CELL0), compute.clock()
    fault = Fault(code=500, message=why, created_at=now, details="no_host")
    how: dict[str, Any] = {"vm_state": VmState.ERROR, "fault": fault, "admin_password": ""}
    failed = [msgspec.structs.replace(one, **how) for one in servers]

    def write(tx: Connection) -> None:
        for server in failed:
            store.add(tx, server)
            record = app.new_record(compute, identity, server, "create", request_id, {})
            action_store.add_closed(tx, app.closed_as_failed(record, why, now))
            action_store.write_lines(tx, record.id, [_refusal(why, now)])

    await cell.database.write(write)
    await compute.announced(cell)
    return failed


def _refusal(why: str, now: float) -> Line:
    """The journal's one line of a create that was over before it began."""
    return Line(
        step="bind_claim",
        position=0,
        attempt=1,
        state=LineState.FAILED,
        started_at=now,
        finished_at=now,
        fault=StepFault(code="no_host", message=why),
    )
