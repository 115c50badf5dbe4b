"""The addresses of a server by network: ``/servers/{id}/ips``."""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import NotFound
from kilonova_kit.http.operations import Call, NoQuery

from kilonova_compute.api.server_views import plain_addresses
from kilonova_compute.api.servers import found
from kilonova_compute.app.compute import Compute

NoBody = Call[Compute, None, NoQuery]


async def index(call: NoBody) -> dict[str, Any]:
    return {"addresses": plain_addresses((await found(call)).addresses)}


async def show(call: NoBody) -> dict[str, Any]:
    network = call.path["network"]
    addresses = plain_addresses((await found(call)).addresses)
    if network not in addresses:
        raise NotFound("Instance is not a member of specified network")
    return {network: addresses[network]}
