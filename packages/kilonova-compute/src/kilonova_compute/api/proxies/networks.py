"""``os-networks`` and ``os-tenant-networks``: networks as nova-network showed them."""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import Gone, NotFound
from kilonova_kit.http.operations import Answer, Call, NoQuery

from kilonova_compute.api.proxies.network_views import network_view, tenant_network_view
from kilonova_compute.app.compute import Compute

NoBody = Call[Compute, None, NoQuery]


async def index(call: NoBody) -> dict[str, Any]:
    admin = call.identity.is_admin
    return {"networks": [network_view(one, for_admin=admin) for one in await _all(call)]}


async def show(call: NoBody) -> dict[str, Any]:
    return {"network": network_view(await _one(call), for_admin=call.identity.is_admin)}


async def index_of_project(call: NoBody) -> dict[str, Any]:
    return {"networks": [tenant_network_view(one) for one in await _all(call)]}


async def show_of_project(call: NoBody) -> dict[str, Any]:
    return {"network": tenant_network_view(await _one(call))}


async def gone(call: NoBody) -> Answer:
    raise Gone("The network service makes, changes and deletes networks.")


async def _all(call: NoBody) -> list[dict[str, Any]]:
    """All that the user may see."""
    found: dict[str, list[dict[str, Any]]] = await call.app.network.for_users.ask(
        call.identity.token, "GET", "/v2.0/networks"
    )
    return found["networks"]


async def _one(call: NoBody) -> dict[str, Any]:
    network_id = call.path["network_id"]
    try:
        found: dict[str, dict[str, Any]] = await call.app.network.for_users.ask(
            call.identity.token, "GET", f"/v2.0/networks/{network_id}"
        )
    except NotFound as error:
        raise NotFound("Network not found") from error
    return found["network"]
