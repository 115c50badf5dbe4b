"""The security groups of a server: those of its ports, kept by the network service."""

from __future__ import annotations

from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.identity import Identity

from kilonova_compute.app import servers as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.external.network import Port
from kilonova_compute.model.servers import Server


async def add(compute: Compute, identity: Identity, server: Server, name: str) -> None:
    """Put every port of the server into the group. Raises NotFound, Conflict, BadRequest."""
    group = await _find(compute, identity, server, name)
    ports = await compute.network.ports_of(server)
    if not any(port.port_security_enabled and port.fixed_ips for port in ports):
        raise BadRequest(
            f"Security group {name} cannot be applied to server {server.id}: it has no port with port security."
        )
    for port in ports:
        if port.port_security_enabled and port.fixed_ips and group["id"] not in port.security_groups:
            await _set(compute, port, [*port.security_groups, group["id"]])
    await _remember(compute, server)


async def remove(compute: Compute, identity: Identity, server: Server, name: str) -> None:
    """Take every port out of the group. Raises NotFound where none is in it."""
    group = await _find(compute, identity, server, name)
    ports = [port for port in await compute.network.ports_of(server) if group["id"] in port.security_groups]
    if not ports:
        raise NotFound(f"Security group {name} is not associated with the instance {server.id}")
    for port in ports:
        await _set(compute, port, [one for one in port.security_groups if one != group["id"]])
    await _remember(compute, server)


async def listed(compute: Compute, server: Server) -> list[dict[str, Any]]:
    """The groups of the server's ports with their rules, as the network service shows them."""
    ids = dict.fromkeys(one for port in await compute.network.ports_of(server) for one in port.security_groups)
    return await compute.network.security_groups(list(ids))


async def _find(compute: Compute, identity: Identity, server: Server, name: str) -> dict[str, Any]:
    try:
        ids = await compute.network.security_group_ids(identity.token, server.project_id, [name])
    except BadRequest as error:
        raise NotFound(error.message) from error
    return {"id": ids[0], "name": name}


async def _set(compute: Compute, port: Port, groups: list[str]) -> None:
    await compute.network.update_port(port.id, {"security_groups": groups})


async def _remember(compute: Compute, server: Server) -> None:
    """Let the server show what its ports are in now."""
    names = tuple(group["name"] for group in await listed(compute, server))
    await app.change(compute, server, lambda found: msgspec.structs.replace(found, security_groups=names))
