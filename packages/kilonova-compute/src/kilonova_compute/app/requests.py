"""What may be asked of requests: what a server asked for, and what would become of a request now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, Forbidden, NotFound
from kilonova_kit.http.identity import Identity

from kilonova_compute.app import create_servers, presets, server_groups, servers
from kilonova_compute.app import hints as hints_app
from kilonova_compute.app.compute import Compute
from kilonova_compute.app.flavors import find_flavor_or_name
from kilonova_compute.model.explanations import Explanation, without_hosts
from kilonova_compute.model.requests import ServerRequest
from kilonova_compute.store import requests as store

#: What of a request speaks of hosts.
_OF_HOSTS = ("host", "cell", "not_hosts", "hosts", "network", "carries", "labels")


async def find(compute: Compute, identity: Identity, server_id: str) -> ServerRequest:
    """The request of a server that is not deleted. Raises NotFound, also for a stranger's."""
    server = await servers.find(compute, identity, server_id)
    request = await compute.cells.database.read(lambda tx: store.find(tx, server.id))
    if request is None:
        raise NotFound(f"The request of instance {server_id} could not be found.")
    return request


async def find_by_id(compute: Compute, identity: Identity, request_id: str) -> ServerRequest:
    """The request of the first server that an API call asked for. Raises NotFound, also for a stranger's."""
    project_id = None if identity.is_admin else identity.project_id or ""
    request = await compute.cells.database.read(lambda tx: store.find_by_request(tx, request_id, project_id))
    if request is None:
        raise NotFound(f"No server was asked for by the request {request_id}.")
    return request


async def given(compute: Compute, identity: Identity, plain: Mapping[str, Any]) -> ServerRequest:
    """A request from plain data, as the caller's own. Raises BadRequest; Forbidden for what speaks of hosts."""
    if unknown := sorted(plain.keys() - set(ServerRequest.__struct_fields__)):
        raise BadRequest(f"A request has no {', '.join(unknown)}.")
    if not identity.is_admin and (theirs := sorted(name for name in _OF_HOSTS if plain.get(name))):
        raise Forbidden(f"Only administrators may ask for {', '.join(theirs)}.")
    own = {"server_id": "", "project_id": identity.project_id or "", "user_id": identity.user_id}
    try:
        request = msgspec.convert({"resources": {}, **plain, **own}, ServerRequest)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The request cannot be read: {error}") from error
    if request.group is not None:
        return msgspec.structs.replace(
            request, group=await server_groups.requested(compute, identity, request.group.group_id)
        )
    return request


def shown_to(identity: Identity, request: ServerRequest) -> ServerRequest:
    """The request as its owner may read it: where an administrator wanted the server stays with administrators."""
    if identity.is_admin:
        return request
    return msgspec.structs.replace(request, host="", cell="", not_hosts=(), hosts=None, network="", carries=())


async def wished(
    compute: Compute,
    identity: Identity,
    *,
    flavor_ref: str,
    image_id: str | None,
    zone: str,
    host: str,
    hints: Mapping[str, Sequence[str]],
) -> ServerRequest:
    """The request that a server of this flavor and image would make. Raises as creating it would."""
    flavor = await find_flavor_or_name(compute, identity, flavor_ref)
    wish = create_servers.CreateWish(name="", flavor=flavor, image_id=image_id)
    image = await create_servers.checked_image(compute, identity, wish)
    preset = presets.preset_of(flavor, image, presets.needs_of(flavor, image, compute.device_aliases))
    preset = presets.isolated(compute, identity.project_id or "", preset, image)
    if hints:
        preset = presets.with_hints(preset, await hints_app.asked(compute, identity, hints))
    return msgspec.structs.replace(
        preset, project_id=identity.project_id or "", user_id=identity.user_id, zone=zone, host=host
    )


async def explain(compute: Compute, identity: Identity, request: ServerRequest, count: int = 1) -> Explanation:
    """What would become of so many alike now; nothing is claimed. Names of hosts are for administrators."""
    explanation = await compute.placement.explain(request, count)
    return explanation if identity.is_admin else without_hosts(explanation)
