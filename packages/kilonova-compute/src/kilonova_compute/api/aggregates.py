"""Aggregates of hosts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from kilonova_kit.clock import iso_micros
from kilonova_kit.errors import BadRequest
from kilonova_kit.http.bodies import convert
from kilonova_kit.http.operations import Answer, Call, NoQuery
from msgspec import UNSET

from kilonova_compute.api import policies
from kilonova_compute.api.types.hosts import (
    AggregateAnswer,
    AggregateHost,
    AggregateList,
    AggregateMetadata,
    AggregateView,
    CacheImages,
    CreateAggregate,
    UpdateAggregate,
)
from kilonova_compute.api.types.values import check_uuid, digits, invalid
from kilonova_compute.app import aggregates as app
from kilonova_compute.app import precaches
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.aggregates import ZONE, Aggregate

AnyCall = Call[Compute, Any, NoQuery]


def _number(call: AnyCall) -> int:
    text = call.path["aggregate_id"]
    if (number := digits(text.removeprefix("-"))) is None:
        raise BadRequest(f"Invalid input received: id must be an integer, not {text}")
    return -number if text.startswith("-") else number


async def index(call: Call[Compute, None, NoQuery]) -> AggregateList:
    return AggregateList(aggregates=[_view(aggregate) for aggregate in await app.listed(call.app)])


async def show(call: Call[Compute, None, NoQuery]) -> AggregateAnswer:
    return AggregateAnswer(aggregate=_view(await app.find(call.app, _number(call))))


async def create(call: Call[Compute, CreateAggregate, NoQuery]) -> AggregateAnswer:
    wanted = call.body.aggregate
    made = _view(await app.create(call.app, wanted.name.strip(), wanted.availability_zone))
    return AggregateAnswer(aggregate=msgspec.structs.replace(made, hosts=UNSET, metadata=UNSET))


async def update(call: Call[Compute, UpdateAggregate, NoQuery]) -> AggregateAnswer:
    wanted, number = call.body.aggregate, _number(call)
    if wanted.name is UNSET and wanted.availability_zone is UNSET:
        raise BadRequest("Invalid input for field/attribute aggregate. Give a name or an availability_zone.")
    metadata = {} if wanted.availability_zone is UNSET else {ZONE: wanted.availability_zone}
    name = None if wanted.name is UNSET else wanted.name.strip()
    return AggregateAnswer(aggregate=_view(await app.rename(call.app, number, name, metadata)))


async def delete(call: Call[Compute, None, NoQuery]) -> Answer:
    await app.delete(call.app, _number(call))
    return Answer()


async def act(call: Call[Compute, dict[str, Any], NoQuery]) -> AggregateAnswer:
    """``POST /os-aggregates/{id}/action``: the body's only key says what is to be done."""
    verbs: dict[str, Callable[[AnyCall, object], Awaitable[Aggregate]]] = {
        "add_host": _add_host,
        "remove_host": _remove_host,
        "set_metadata": _set_metadata,
    }
    name = next(iter(call.body), "")
    if len(call.body) != 1 or name not in verbs:
        raise BadRequest(f"There is no such action: {name}")
    return AggregateAnswer(aggregate=_view(await verbs[name](call, call.body[name])))


async def _add_host(call: AnyCall, given: object) -> Aggregate:
    call.enforce(policies.AGGREGATE_ADD_HOST)
    return await app.add_host(call.app, _number(call), convert(given, AggregateHost).host)


async def _remove_host(call: AnyCall, given: object) -> Aggregate:
    call.enforce(policies.AGGREGATE_REMOVE_HOST)
    return await app.remove_host(call.app, _number(call), convert(given, AggregateHost).host)


async def _set_metadata(call: AnyCall, given: object) -> Aggregate:
    call.enforce(policies.AGGREGATE_SET_METADATA)
    return await app.set_metadata(call.app, _number(call), convert(given, AggregateMetadata).metadata)


async def images(call: Call[Compute, CacheImages, NoQuery]) -> Answer:
    """Written down; the hosts are brought to it afterwards."""
    ids = [check_uuid("id", image.id) for image in call.body.cache]
    if len(set(ids)) < len(ids):
        raise invalid("cache", ids, "it has non-unique elements")
    await precaches.ask_for(call.app, call.identity, _number(call), ids)
    return Answer()


def _view(aggregate: Aggregate) -> AggregateView:
    return AggregateView(
        id=aggregate.number,
        name=aggregate.name,
        availability_zone=aggregate.zone,
        created_at=iso_micros(aggregate.created_at),
        updated_at=iso_micros(aggregate.updated_at) if aggregate.updated_at is not None else None,
        uuid=aggregate.uuid,
        hosts=list(aggregate.hosts),
        metadata=aggregate.metadata,
    )
