"""Which projects may use a flavor that is not public."""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.bodies import convert
from kilonova_kit.http.operations import Call, NoQuery

from kilonova_compute.api import policies
from kilonova_compute.api.types.flavors import FlavorAccess, FlavorAccessList, TenantAccess
from kilonova_compute.app import flavors as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.flavors import Flavor

_PRIVATE_ONLY = (2, 7)


async def index(call: Call[Compute, None, NoQuery]) -> FlavorAccessList:
    flavor = await app.find(call.app, call.identity, call.path["flavor_id"])
    if flavor.is_public:
        raise NotFound("Access list not available for public flavors.")
    return _view(flavor)


async def act(call: Call[Compute, dict[str, Any], NoQuery]) -> FlavorAccessList:
    """``POST /flavors/{id}/action``: the body's only key says what is to be done."""
    if len(call.body) != 1:
        raise BadRequest("There is no such action: give addTenantAccess or removeTenantAccess, and one of them.")
    ((action, given),) = call.body.items()
    if action == "addTenantAccess":
        return await _add(call, given)
    if action == "removeTenantAccess":
        return await _remove(call, given)
    raise BadRequest(f"There is no such action: {action}")


async def _add(call: Call[Compute, Any, NoQuery], given: object) -> FlavorAccessList:
    call.enforce(policies.ADD_FLAVOR_ACCESS)
    project_id = convert(given, TenantAccess).tenant
    private_only = call.version >= _PRIVATE_ONLY
    return _view(await app.add_access(call.app, call.path["flavor_id"], project_id, private_only=private_only))


async def _remove(call: Call[Compute, Any, NoQuery], given: object) -> FlavorAccessList:
    call.enforce(policies.REMOVE_FLAVOR_ACCESS)
    project_id = convert(given, TenantAccess).tenant
    return _view(await app.remove_access(call.app, call.path["flavor_id"], project_id))


def _view(flavor: Flavor) -> FlavorAccessList:
    access = [FlavorAccess(flavor_id=flavor.flavor_id, tenant_id=project_id) for project_id in flavor.projects]
    return FlavorAccessList(flavor_access=access)
