"""Servers: listed, shown, changed, deleted. Creation is in ``create_servers.py``, actions in ``server_actions.py``."""

from __future__ import annotations

from typing import Any

import msgspec
from kilonova_kit.errors import Conflict, Unavailable
from kilonova_kit.http.operations import Answer, Call, NoQuery
from msgspec import UNSET, UnsetType

from kilonova_compute.api import list_pages, policies, server_views, versions
from kilonova_compute.api.server_filters import Asked, asked_of
from kilonova_compute.api.types.server_filters import ServerQuery
from kilonova_compute.api.types.servers import (
    BriefServerList,
    Link,
    PartialServerList,
    ServerAnswer,
    ServerChange,
    ServerList,
    UnreachableAnswer,
    UpdateServer,
)
from kilonova_compute.api.types.values import check_address, check_short_hostname
from kilonova_compute.app import server_groups
from kilonova_compute.app import servers as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.servers import Server

ListCall = Call[Compute, None, ServerQuery]
ServerCall = Call[Compute, None, NoQuery]


async def found(call: Call[Compute, Any, Any], *, deleted: bool = False) -> Server:
    """The server that the URL names. Raises NotFound."""
    return await app.find(call.app, call.identity, call.path["server_id"], deleted=deleted)


# --- lists


async def index(call: ListCall) -> BriefServerList | PartialServerList:
    asked = _asked(call)
    if asked.all_projects:
        call.enforce(policies.LIST_ALL_PROJECTS)
    servers, links = await _page(call, asked)
    sight = server_views.sight_of(call)
    if dark := _dark_cells(call, asked):
        shown = [
            server_views.unreachable_brief(server, sight) if server.cell in dark else server_views.brief(server, sight)
            for server in servers
        ]
        return PartialServerList(servers=shown, servers_links=links)
    return BriefServerList(servers=[server_views.brief(server, sight) for server in servers], servers_links=links)


async def detail(call: ListCall) -> ServerList | PartialServerList:
    asked = _asked(call)
    if asked.all_projects:
        call.enforce(policies.DETAIL_ALL_PROJECTS)
    servers, links = await _page(call, asked)
    sight = server_views.sight_of(call)
    if dark := _dark_cells(call, asked):
        shown = [
            server_views.unreachable_detailed(server, sight)
            if server.cell in dark
            else server_views.detailed(server, sight)
            for server in servers
        ]
        return PartialServerList(servers=shown, servers_links=links)
    return ServerList(servers=[server_views.detailed(server, sight) for server in servers], servers_links=links)


def _asked(call: ListCall) -> Asked:
    return asked_of(call.query, call.identity, call.version, call.may(policies.ALL_FILTERS))


def _dark_cells(call: ListCall, asked: Asked) -> frozenset[str]:
    """The cells that are down, where the answer may say so: from 2.69 on, in lists that nothing narrows."""
    if call.version < versions.PARTIAL_RESULTS or not asked.plain:
        return frozenset()
    return call.app.unreachable_cells()


async def _page(call: ListCall, asked: Asked) -> tuple[list[Server], list[Link]]:
    """A page, with a link to the next one where this one is full."""
    size = list_pages.page_size(call, call.query.limit)
    if asked.nothing or size == 0:
        return [], []
    marker = list_pages.last(call.query.marker)
    servers = (await app.listed(call.app, asked.filter, asked.order, marker, size))[:size]
    return servers, list_pages.page_links(call, size, [server.id for server in servers])


# --- one server


async def show(call: ServerCall) -> ServerAnswer | UnreachableAnswer:
    try:
        server = await found(call)
    except Unavailable:
        if call.version < versions.PARTIAL_RESULTS:
            raise
        known = await app.find_in_index(call.app, call.identity, call.path["server_id"])
        return UnreachableAnswer(server=server_views.unreachable_shown(known, server_views.sight_of(call)))
    return await _answer(call, server)


async def _answer(call: Call[Compute, Any, Any], server: Server) -> ServerAnswer:
    """The server with its group, which only a server has that was asked for with one."""
    grouped = call.version >= versions.SERVER_GROUPS_SHOWN and "group" in server.scheduler_hints
    groups = await server_groups.of_server(call.app, server.id) if grouped else []
    return ServerAnswer(server=server_views.detailed(server, server_views.sight_of(call), groups=groups))


async def update(call: Call[Compute, UpdateServer, NoQuery]) -> ServerAnswer:
    wanted, server = call.body.server, await found(call)
    changes = _changes(wanted, call)

    def how(before: Server) -> Server:
        if wanted.pinned_zone is not UNSET:
            _check_pin(before, wanted.pinned_zone)
        return msgspec.structs.replace(before, **changes)

    server = await app.change(call.app, server, how)
    return await _answer(call, server)


def _changes(wanted: ServerChange, call: Call[Compute, UpdateServer, NoQuery]) -> dict[str, Any]:
    if wanted.hostname is not UNSET and call.version < versions.FQDN:
        check_short_hostname(wanted.hostname)
    given = {
        "name": wanted.name,
        "disk_config": wanted.disk_config,
        "access_ip_v4": _address("accessIPv4", wanted.access_ipv4, 4),
        "access_ip_v6": _address("accessIPv6", wanted.access_ipv6, 6),
        "description": wanted.description,
        "hostname": wanted.hostname,
        "wanted_zone": wanted.pinned_zone,
    }
    return {name: value for name, value in given.items() if value is not UNSET}


def _address(field: str, value: str | UnsetType, version: int) -> str | UnsetType:
    return UNSET if value is UNSET else check_address(field, value, version)


def _check_pin(server: Server, zone: str | None) -> None:
    """A zone may be let go, or kept where the server is; a server does not move by being pinned."""
    if zone is None or zone == server.wanted_zone:
        return
    if server.wanted_zone is not None:
        raise Conflict(
            "Cannot change pinned availability zone directly. Unpin first by setting pinned_availability_zone to null."
        )
    if zone != server.availability_zone:
        raise Conflict(
            f"Server can only be pinned to its current availability zone '{server.availability_zone}', "
            f"but '{zone}' was requested."
        )


async def delete(call: ServerCall) -> Answer:
    await app.delete(call.app, call.identity, await found(call), call.request_id)
    return Answer(status=204)
