"""Small things that hang on a server: interfaces, security groups, password, volumes, shares, migrations."""

from __future__ import annotations

from typing import Any

import msgspec
from kilonova_kit.errors import NotFound, NotImplementedHere
from kilonova_kit.http.operations import Answer, Call, NoQuery

from kilonova_compute.api import policies
from kilonova_compute.api.proxies.network_views import group_view
from kilonova_compute.api.servers import found
from kilonova_compute.app import server_interfaces, server_security_groups, server_topologies
from kilonova_compute.app.compute import Compute
from kilonova_compute.external.network import Port
from kilonova_compute.model.servers import Server

NoBody = Call[Compute, None, NoQuery]


# --- interfaces


async def interfaces(call: NoBody) -> dict[str, Any]:
    server = await found(call)
    ports = await server_interfaces.listed(call.app, server)
    return {"interfaceAttachments": [_interface(port, server, call) for port in ports]}


async def interface(call: NoBody) -> dict[str, Any]:
    server, port_id = await found(call), call.path["port_id"]
    for port in await server_interfaces.listed(call.app, server):
        if port.id == port_id:
            return {"interfaceAttachment": _interface(port, server, call)}
    raise NotFound(f"Instance {server.id} does not have a port with id {port_id}")


def _interface(port: Port, server: Server, call: NoBody) -> dict[str, Any]:
    view: dict[str, Any] = {
        "port_state": port.status,
        "port_id": port.id,
        "net_id": port.network_id,
        "mac_addr": port.mac_address,
        "fixed_ips": [{"subnet_id": ip["subnet_id"], "ip_address": ip["ip_address"]} for ip in port.fixed_ips],
    }
    return {**view, "tag": server_interfaces.tag_of(port, server)} if call.version >= (2, 70) else view


async def not_here(call: Call[Compute, Any, NoQuery]) -> Answer:
    """Says so only to those whose server it is."""
    await found(call)
    raise NotImplementedHere("This operation is not implemented by this cloud yet.")


# --- security groups


async def security_groups(call: NoBody) -> dict[str, Any]:
    groups = await server_security_groups.listed(call.app, await found(call))
    names = {group["id"]: group["name"] for group in groups}
    return {"security_groups": [group_view(group, names) for group in groups]}


# --- password, volumes, shares, topology, migrations


async def password(call: NoBody) -> dict[str, str]:
    """Guests that post a password to the metadata service are not served yet: it is empty."""
    await found(call)
    return {"password": ""}


async def clear_password(call: NoBody) -> Answer:
    await found(call)
    return Answer(status=204)


async def volumes(call: NoBody) -> dict[str, list[Any]]:
    await found(call)
    return {"volumeAttachments": []}


async def volume(call: NoBody) -> dict[str, Any]:
    server = await found(call)
    raise NotFound(f"Instance {server.id} is not attached to volume {call.path['volume_id']}")


async def shares(call: NoBody) -> dict[str, list[Any]]:
    await found(call)
    return {"shares": []}


async def share(call: NoBody) -> dict[str, Any]:
    server = await found(call)
    raise NotFound(f"Share {call.path['share_id']} is not attached to server {server.id}.")


async def topology(call: NoBody) -> dict[str, Any]:
    nodes = await server_topologies.nodes_of(call.app, await found(call))
    with_host = call.may(policies.TOPOLOGY_HOST)
    pages = next((node.page_size_kib for node in nodes if node.page_size_kib), None)
    return {"nodes": [_node(node, with_host) for node in nodes], "pagesize_kb": pages}


def _node(node: server_topologies.Node, with_host: bool) -> dict[str, Any]:
    """Which processors vCPUs are pinned to is the host's own choice: the mapping stays empty."""
    view: dict[str, Any] = {"vcpu_set": node.cpus, "siblings": node.siblings, "memory_mb": node.memory_mib}
    return {**view, "host_node": node.host_node, "cpu_pinning": {}} if with_host else view


async def migrations(call: NoBody) -> dict[str, list[Any]]:
    await found(call)
    return {"migrations": []}


async def migration(call: NoBody) -> dict[str, Any]:
    server = await found(call)
    raise NotFound(f"In-progress live migration {call.path['migration_id']} is not found for server {server.id}.")


class MigrationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the list of migrations may be narrowed by; there are none yet."""

    hidden: list[str] = []
    host: list[str] = []
    instance_uuid: list[str] = []
    source_compute: list[str] = []
    status: list[str] = []
    migration_type: list[str] = []
    limit: list[str] = []
    marker: list[str] = []
    changes_since: list[str] = msgspec.field(name="changes-since", default_factory=list)
    changes_before: list[str] = msgspec.field(name="changes-before", default_factory=list)
    user_id: list[str] = []
    project_id: list[str] = []


async def all_migrations(call: Call[Compute, None, MigrationQuery]) -> dict[str, list[Any]]:
    return {"migrations": []}
