"""Precaches, natively: how far the hosts of aggregates are with the images that they are to have.

The double slash: beside the versions of the public API, where nothing can collide with its URLs.
"""

from __future__ import annotations

from kilonova_kit.clock import iso_micros
from kilonova_kit.http.operations import Call, NoQuery, Operation
from kilonova_kit.http.policy import Policy, admin

from kilonova_compute.api.types.precaches import PrecacheHost, PrecacheList, PrecacheView
from kilonova_compute.app import precaches as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.precaches import HostProgress, Precache


async def index(call: Call[Compute, None, NoQuery]) -> PrecacheList:
    return PrecacheList(precaches=[_view(*one) for one in await app.listed(call.app)])


def _view(precache: Precache, hosts: list[HostProgress]) -> PrecacheView:
    return PrecacheView(
        aggregate_id=precache.aggregate,
        image_id=precache.image.image_id,
        image_name=precache.image.name,
        asked_at=iso_micros(precache.asked_at),
        until=iso_micros(precache.until),
        hosts=[PrecacheHost(host=one.host, stage=one.stage, tries=one.tries, reason=one.reason) for one in hosts],
    )


OPERATIONS = (
    Operation(
        name="precaches.index",
        method="GET",
        path="//native/v1/precaches",
        handler=index,
        policy=Policy("kilonova:precaches:index", admin),
        returns=PrecacheList,
        summary="List which images the hosts of aggregates are to have, and how far each host is.",
    ),
)
