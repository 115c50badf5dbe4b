"""``images`` until 2.36, and their metadata until 2.39: what the image service has, as the compute API showed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.operations import Answer, Call, NoQuery

from kilonova_compute.api import list_pages
from kilonova_compute.api.proxies.image_views import brief_view, full_view, state_of
from kilonova_compute.api.server_metadata import ItemBody, MetadataBody
from kilonova_compute.api.types.values import check_metadata
from kilonova_compute.app.compute import Compute
from kilonova_compute.external.image import properties_of

_PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


class ImageQuery(msgspec.Struct, frozen=True):
    """Filters by the compute API's names. ``server`` is an id or a URL."""

    limit: list[str] = []
    marker: list[str] = []
    name: list[str] = []
    status: list[str] = []
    server: list[str] = []
    type: list[str] = []
    changes_since: list[str] = msgspec.field(default_factory=list, name="changes-since")
    min_ram: list[str] = msgspec.field(default_factory=list, name="minRam")
    min_disk: list[str] = msgspec.field(default_factory=list, name="minDisk")


NoBody = Call[Compute, None, NoQuery]
ListCall = Call[Compute, None, ImageQuery]


# --- images


async def index(call: ListCall) -> dict[str, Any]:
    found, links = await _page(call)
    return {"images": [brief_view(call, image) for image in found], **links}


async def detail(call: ListCall) -> dict[str, Any]:
    found, links = await _page(call)
    return {"images": [full_view(call, image) for image in found], **links}


async def show(call: NoBody) -> dict[str, Any]:
    return {"image": full_view(call, await _find(call))}


async def delete(call: NoBody) -> Answer:
    await _find(call)
    await _ask(call, "DELETE", f"/v2/images/{call.path['image_id']}")
    return Answer(status=204)


async def _page(call: ListCall) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    size = list_pages.page_size(call, call.query.limit)
    if size == 0:
        return [], {}
    query = {**_filters(call.query), "limit": size, "sort_key": "created_at", "sort_dir": "desc"}
    if marker := list_pages.last(call.query.marker):
        query["marker"] = marker
    try:
        found = (await _ask(call, "GET", "/v2/images", query=query))["images"]
    except NotFound as error:
        raise BadRequest(f"marker [{marker}] not found") from error
    links = list_pages.page_links(call, size, [image["id"] for image in found]) if call.query.limit else []
    return found, {"images_links": links} if links else {}


def _filters(query: ImageQuery) -> dict[str, Any]:
    """The same in the words of the image service."""
    filters: dict[str, Any] = {}
    for name, values in (
        ("name", query.name),
        ("image_type", query.type),
        ("min_ram", query.min_ram),
        ("min_disk", query.min_disk),
    ):
        if (value := list_pages.last(values)) is not None:
            filters[name] = value
    if (word := list_pages.last(query.status)) is not None:
        filters["status"] = state_of(word) or word
    if (server := list_pages.last(query.server)) is not None:
        filters["instance_uuid"] = server.rstrip("/").rsplit("/", 1)[-1]
    if (moment := list_pages.last(query.changes_since)) is not None:
        filters["updated_at"] = f"gte:{moment}"
    return filters


# --- metadata


async def metadata(call: NoBody) -> dict[str, Any]:
    return {"metadata": properties_of(await _find(call))}


async def metadata_item(call: NoBody) -> dict[str, Any]:
    found, key = properties_of(await _find(call)), call.path["key"]
    if key not in found:
        raise NotFound("Metadata item was not found")
    return {"meta": {key: found[key]}}


async def add_metadata(call: Call[Compute, MetadataBody, NoQuery]) -> dict[str, Any]:
    given = check_metadata(call.body.metadata)
    before = properties_of(await _find(call))
    return {"metadata": await _change(call, before, {**before, **given})}


async def replace_metadata(call: Call[Compute, MetadataBody, NoQuery]) -> dict[str, Any]:
    given = check_metadata(call.body.metadata)
    return {"metadata": await _change(call, properties_of(await _find(call)), given)}


async def put_metadata_item(call: Call[Compute, ItemBody, NoQuery]) -> dict[str, Any]:
    given, key = call.body.meta, call.path["key"]
    if len(given) != 1:
        raise BadRequest("Invalid input for field/attribute meta. It must have exactly one item")
    check_metadata(given, "meta")
    if key not in given:
        raise BadRequest("Request body and URI mismatch")
    before = properties_of(await _find(call))
    await _change(call, before, {**before, **given})
    return {"meta": given}


async def delete_metadata_item(call: NoBody) -> Answer:
    before, key = properties_of(await _find(call)), call.path["key"]
    if key not in before:
        raise NotFound("Invalid metadata key")
    await _change(call, before, {name: value for name, value in before.items() if name != key})
    return Answer(status=204)


async def _change(
    call: Call[Compute, Any, NoQuery], before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, str]:
    """Set properties of the image as the user; the image as it is then."""
    put = [
        {"op": "replace" if name in before else "add", "path": f"/{_pointer(name)}", "value": value}
        for name, value in after.items()
        if before.get(name) != value
    ]
    gone = [{"op": "remove", "path": f"/{_pointer(name)}"} for name in before if name not in after]
    if not put and not gone:
        return dict(before)
    path = f"/v2/images/{call.path['image_id']}"
    return properties_of(await _ask(call, "PATCH", path, json=[*gone, *put], headers=_PATCH))


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


# --- asking


async def _find(call: Call[Compute, Any, NoQuery]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = await _ask(call, "GET", f"/v2/images/{call.path['image_id']}")
    except NotFound as error:
        raise NotFound("Image not found.") from error
    return found


async def _ask(call: Call[Compute, Any, Any], method: str, path: str, **more: Any) -> Any:
    return await call.app.image.for_users.ask(call.identity.token, method, path, **more)
