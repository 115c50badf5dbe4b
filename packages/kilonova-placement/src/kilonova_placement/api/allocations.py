"""``/allocations`` and ``/reshaper``: what consumers have, replaced as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer
from kilonova_kit.http.versioned import Version
from kilonova_kit.ids import is_uuid_like

from kilonova_placement.api import schemas
from kilonova_placement.api.inventories import read_inventories
from kilonova_placement.api.reading import ApiCall, check_accept, check_content, dated, read_body
from kilonova_placement.api.types import placement as types
from kilonova_placement.app import allocations, reshaping
from kilonova_placement.app.allocations import Wanted
from kilonova_placement.app.usages import UNKNOWN

_BY_PROVIDER, _CONSUMER_GENERATIONS = (1, 12), (1, 28)
#: The project and user of consumers of before 1.8, as the real service calls them by default.
_NOBODY = "00000000-0000-0000-0000-000000000000"


async def show(call: ApiCall) -> Answer:
    check_accept(call)
    consumer, providers = await allocations.of_consumer(call.app, call.path["consumer_uuid"])
    if consumer is None:
        return dated(types.Allocations(allocations={}), call)
    amounts = consumer.amounts()
    found = {
        key: types.Allocation(generation=providers[key].api_generation, resources=amounts[key])
        for key in sorted(amounts, key=lambda key: (providers[key].created_at, key))
    }
    body = types.Allocations(
        allocations=found,
        project_id=consumer.project_id,
        user_id=consumer.user_id,
        consumer_generation=consumer.generation,
        consumer_type=consumer.consumer_type or UNKNOWN,
    )
    return dated(body, call, max(claim.created_at for claim in consumer.claims))


async def put(call: ApiCall) -> None:
    check_content(call)
    if not is_uuid_like(call.path["consumer_uuid"]):
        raise BadRequest(f"Malformed consumer_uuid: {call.path['consumer_uuid']}")
    consumer_id = str(UUID(call.path["consumer_uuid"]))
    body = await read_body(call, schemas.put_allocations(call.version))
    await allocations.replace(
        call.app,
        [_wanted(consumer_id, body, call.version)],
        lambda words: f"Unable to allocate inventory for consumer {consumer_id}: {words}",
    )


async def create(call: ApiCall) -> None:
    body = await read_body(call, schemas.post_allocations(call.version))
    wanted = [_wanted(key, one, call.version) for key, one in body.items()]
    await allocations.replace(call.app, wanted, lambda words: f"Unable to allocate inventory {words}")


async def delete(call: ApiCall) -> None:
    await allocations.delete(call.app, call.path["consumer_uuid"])


async def reshape(call: ApiCall) -> None:
    body = await read_body(call, schemas.reshape(call.version))
    inventories = {
        key: (one["resource_provider_generation"], read_inventories(one["inventories"]))
        for key, one in body["inventories"].items()
    }
    wanted = [_wanted(key, one, call.version) for key, one in body["allocations"].items()]
    await reshaping.reshape(call.app, inventories, wanted)


def _wanted(consumer_id: str, body: Mapping[str, Any], version: Version) -> Wanted:
    given = body["allocations"]
    if version < _BY_PROVIDER and isinstance(given, list):
        given = {one["resource_provider"]["uuid"]: one for one in given}
    return Wanted(
        consumer_id=consumer_id,
        project_id=body.get("project_id", _NOBODY),
        user_id=body.get("user_id", _NOBODY),
        amounts={key: one["resources"] for key, one in given.items()},
        generation=body.get("consumer_generation"),
        checked=version >= _CONSUMER_GENERATIONS,
        consumer_type=body.get("consumer_type"),
    )
