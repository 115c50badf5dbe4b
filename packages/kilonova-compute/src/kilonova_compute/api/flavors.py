"""Flavors: listed, shown, made, described, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer, Call, NoQuery
from msgspec import UNSET, UnsetType

from kilonova_compute.api import list_pages, policies
from kilonova_compute.api.types.flavors import (
    BriefFlavor,
    BriefFlavorList,
    CreateFlavor,
    FlavorAnswer,
    FlavorList,
    FlavorQuery,
    FlavorView,
    UpdateFlavor,
)
from kilonova_compute.api.types.values import as_bool
from kilonova_compute.app import flavors as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.flavors import SORT_FIELDS, Flavor, FlavorFilter

ListCall = Call[Compute, None, FlavorQuery]
FlavorCall = Call[Compute, None, NoQuery]

_SWAP_IS_A_NUMBER = (2, 75)
_NO_RXTX_FACTOR = (2, 102)
_TRUE = frozenset({"t", "true", "on", "y", "yes", "1"})
_FALSE = frozenset({"f", "false", "off", "n", "no", "0"})


async def index(call: ListCall) -> BriefFlavorList:
    flavors, links = await _page(call)
    views = [
        BriefFlavor(
            id=flavor.flavor_id,
            name=flavor.name,
            links=list_pages.self_and_bookmark(call, "flavors", flavor.flavor_id),
            description=flavor.description,
        )
        for flavor in flavors
    ]
    return BriefFlavorList(flavors=views, flavors_links=links)


async def detail(call: ListCall) -> FlavorList:
    flavors, links = await _page(call)
    return FlavorList(flavors=[view_of(call, flavor) for flavor in flavors], flavors_links=links)


async def _page(call: ListCall) -> tuple[Sequence[Flavor], list[list_pages.Link] | UnsetType]:
    query, size = call.query, list_pages.page_size(call, call.query.limit)
    sort_keys = [key for key in SORT_FIELDS if key != "rxtx_factor" or call.version < _NO_RXTX_FACTOR]
    flavors = await app.listed(
        call.app,
        call.identity,
        _filter(call),
        sort_key=list_pages.one_of("sort_key", query.sort_key, sort_keys, "flavorid"),
        descending=list_pages.one_of("sort_dir", query.sort_dir, ("asc", "desc"), "asc") == "desc",
        marker=list_pages.last(query.marker),
        limit=size,
    )
    return flavors, list_pages.page_links(call, size, [flavor.flavor_id for flavor in flavors]) or UNSET


def _filter(call: ListCall) -> FlavorFilter:
    query = call.query
    return FlavorFilter(
        is_public=_public(query.is_public) if call.identity.is_admin else True,
        min_ram=_number("minRam", query.min_ram),
        min_disk=_number("minDisk", query.min_disk),
        name_pattern=list_pages.last(query.name),
    )


def _public(values: Sequence[str]) -> bool | None:
    """Only public flavors where nothing is said, all of them for ``none``."""
    if not values:
        return True
    word = values[-1].strip().lower()
    if word == "none":
        return None
    if word not in _TRUE | _FALSE:
        raise BadRequest(f"Invalid is_public filter [{values[-1]}]")
    return word in _TRUE


def _number(name: str, values: Sequence[str]) -> int | None:
    try:
        return int(values[-1]) if values else None
    except ValueError:
        raise BadRequest(f"Invalid {name} filter [{values[-1]}]") from None


async def show(call: FlavorCall) -> FlavorAnswer:
    return FlavorAnswer(flavor=view_of(call, await app.find(call.app, call.identity, call.path["flavor_id"])))


async def create(call: Call[Compute, CreateFlavor, NoQuery]) -> FlavorAnswer:
    wanted = call.body.flavor
    flavor = Flavor(
        flavor_id="" if wanted.id is None else str(wanted.id),
        name=wanted.name.strip(),
        ram=wanted.ram,
        vcpus=wanted.vcpus,
        disk=wanted.disk,
        ephemeral=wanted.ephemeral,
        swap=wanted.swap,
        rxtx_factor=wanted.rxtx_factor,
        is_public=as_bool("os-flavor-access:is_public", wanted.is_public),
        description=wanted.description,
    )
    return FlavorAnswer(flavor=view_of(call, await app.create(call.app, flavor)))


async def update(call: Call[Compute, UpdateFlavor, NoQuery]) -> FlavorAnswer:
    flavor = await app.describe(call.app, call.path["flavor_id"], call.body.flavor.description)
    return FlavorAnswer(flavor=view_of(call, flavor))


async def delete(call: FlavorCall) -> Answer:
    await app.delete(call.app, call.path["flavor_id"])
    return Answer()


def view_of(call: Call[Compute, Any, Any], flavor: Flavor) -> FlavorView:
    """The flavor as this caller may see it."""
    swap: int | str = flavor.swap if flavor.swap or call.version >= _SWAP_IS_A_NUMBER else ""
    return FlavorView(
        id=flavor.flavor_id,
        name=flavor.name,
        ram=flavor.ram,
        vcpus=flavor.vcpus,
        disk=flavor.disk,
        swap=swap,
        ephemeral=flavor.ephemeral,
        is_public=flavor.is_public,
        rxtx_factor=flavor.rxtx_factor,
        links=list_pages.self_and_bookmark(call, "flavors", flavor.flavor_id),
        description=flavor.description,
        extra_specs=flavor.extra_specs if call.may(policies.FLAVOR_EXTRA_SPECS) else UNSET,
    )
