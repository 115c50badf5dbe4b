"""The inventories of a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kilonova_kit.errors import BadRequest, MethodNotAllowed, NotFound
from kilonova_kit.http.operations import Answer
from kilonova_kit.http.versioned import Version

from kilonova_placement.api import schemas
from kilonova_placement.api.reading import ApiCall, check_accept, check_content, dated, location, read_body
from kilonova_placement.api.shapes import Schema
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import providers, resource_providers
from kilonova_placement.model.providers import Inventory, Provider

_DELETE_ALL, _RESERVED_MAY_BE_TOTAL = (1, 5), (1, 26)
_LARGEST_UNIT = 0x7FFFFFFF


def read_inventory(data: Mapping[str, Any]) -> Inventory:
    """An inventory of the API; what it leaves out has the API's defaults."""
    return Inventory(
        total=data["total"],
        reserved=data.get("reserved", 0),
        min_unit=data.get("min_unit", 1),
        max_unit=data.get("max_unit", _LARGEST_UNIT),
        step_size=data.get("step_size", 1),
        allocation_ratio=float(data.get("allocation_ratio", 1.0)),
    )


def read_inventories(data: Mapping[str, Any]) -> dict[str, Inventory]:
    """Raises BadRequest for a name that no class can have: the API's schema lets its value pass unread."""
    for name in data:
        if not schemas.is_class_name(name):
            raise BadRequest(f"Unknown resource class in inventory: No such resource class {name}.")
    return {name: read_inventory(one) for name, one in data.items()}


def _plain(inventory: Inventory) -> dict[str, Any]:
    return {
        "total": inventory.total,
        "reserved": inventory.reserved,
        "min_unit": inventory.min_unit,
        "max_unit": inventory.largest_claim,
        "step_size": inventory.step_size,
        "allocation_ratio": inventory.allocation_ratio,
    }


def _all(call: ApiCall, provider: Provider) -> Answer:
    found = {name: types.InventoryBody(**_plain(one)) for name, one in provider.inventories.items()}
    body = types.Inventories(inventories=found, resource_provider_generation=provider.api_generation)
    return dated(body, call, provider.updated_at if found else None)


def _one(call: ApiCall, provider: Provider, name: str) -> Answer:
    found = _plain(provider.inventories[name])
    body = types.OneInventory(**found, resource_provider_generation=provider.api_generation)
    return dated(body, call, provider.updated_at)


async def _provider(call: ApiCall) -> Provider:
    return (await providers.get(call.app, call.path["uuid"])).provider


async def index(call: ApiCall) -> Answer:
    check_accept(call)
    return _all(call, await _provider(call))


async def show(call: ApiCall) -> Answer:
    check_accept(call)
    provider, name = await _provider(call), call.path["resource_class"]
    if name not in provider.inventories:
        raise NotFound(f"No inventory of class {name} for {provider.provider_id}")
    return _one(call, provider, name)


async def _body(call: ApiCall, schema: Schema) -> Any:
    """The body; a provider that does not exist is said before what is wrong with the body."""
    check_content(call)
    await _provider(call)
    return await read_body(call, schema)


async def create(call: ApiCall) -> Answer:
    body = await _body(call, schemas.CREATE_INVENTORY)
    name, inventory = body["resource_class"], read_inventory(body)
    check = _capacity_check(call.version, {name: inventory}, "create")
    provider = await resource_providers.add_inventory(call.app, call.path["uuid"], name, inventory, check)
    answer = _one(call, provider, name)
    where = location(call, f"/resource_providers/{provider.provider_id}/inventories/{name}")
    answer.status, answer.headers = 201, {**answer.headers, **where}
    return answer


async def put(call: ApiCall) -> Answer:
    body = await _body(call, schemas.UPDATE_INVENTORY)
    name, inventory = call.path["resource_class"], read_inventory(body)
    check = _capacity_check(call.version, {name: inventory}, "update")
    generation = body["resource_provider_generation"]
    provider = await resource_providers.update_inventory(
        call.app, call.path["uuid"], name, inventory, generation, check
    )
    return _one(call, provider, name)


async def put_all(call: ApiCall) -> Answer:
    body = await _body(call, schemas.SET_INVENTORIES)
    inventories = read_inventories(body["inventories"])
    check = _capacity_check(call.version, inventories, "update")
    generation = body["resource_provider_generation"]
    return _all(
        call, await resource_providers.set_inventories(call.app, call.path["uuid"], inventories, generation, check)
    )


async def delete(call: ApiCall) -> None:
    await resource_providers.delete_inventory(call.app, call.path["uuid"], call.path["resource_class"])


async def delete_all(call: ApiCall) -> None:
    if call.version < _DELETE_ALL:
        raise MethodNotAllowed("The method specified is not allowed for this resource.")
    await resource_providers.delete_inventories(call.app, call.path["uuid"])


def _capacity_check(version: Version, inventories: Mapping[str, Inventory], doing: str) -> Callable[[Provider], None]:
    """Raise BadRequest where nothing is left: less than nothing from 1.26 on."""

    def check(provider: Provider) -> None:
        for name in _without_capacity(version, inventories):
            than = "greater than" if version >= _RESERVED_MAY_BE_TOTAL else "greater than or equal to"
            raise BadRequest(
                f"Unable to {doing} inventory for resource provider {provider.provider_id}: Invalid inventory for "
                f"'{name}' on resource provider '{provider.provider_id}'. The reserved value is {than} total."
            )

    return check


def _without_capacity(version: Version, inventories: Mapping[str, Inventory]) -> Iterable[str]:
    for name, one in inventories.items():
        capacity = int((one.total - one.reserved) * one.allocation_ratio)
        if capacity < 0 or (capacity == 0 and version < _RESERVED_MAY_BE_TOTAL):
            yield name
