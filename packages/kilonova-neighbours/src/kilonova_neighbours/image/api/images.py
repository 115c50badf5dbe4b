"""``/v2/images``: create, list, show, patch, delete, actions, tags."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer

from kilonova_neighbours.image.api.callers import Asked, caller_of
from kilonova_neighbours.image.api.types.images import PATCH_OLD, changes_of, image_body, image_of
from kilonova_neighbours.image.app.imports import METHODS
from kilonova_neighbours.image.model.listing import read_listing


async def create(call: Asked) -> Answer:
    image = await call.app.images.create(image_of(call.body), caller_of(call))
    headers = {
        "Location": f"{call.base_url}/images/{image.id}",
        "OpenStack-image-import-methods": ",".join(METHODS),
    }
    return Answer(image_body(image), headers=headers)


async def list_images(call: Asked) -> dict[str, object]:
    """Links are paths below the service's URL, as Glance gives them."""
    pairs = parse_qsl(call.request.query_string, keep_blank_values=True)
    settings = call.app.settings
    listing = read_listing(pairs, settings.page_default, settings.page_maximum)
    found = await call.app.images.page(listing, caller_of(call))
    images, kept = found[: listing.limit], [pair for pair in pairs if pair[0] != "marker"]
    body: dict[str, object] = {
        "images": [image_body(image) for image in images],
        "first": "/v2/images" + (f"?{urlencode(kept)}" if kept else ""),
        "schema": "/v2/schemas/images",
    }
    if images and len(found) > listing.limit:
        body["next"] = f"/v2/images?{urlencode([*kept, ('marker', images[-1].id)])}"
    return body


async def show(call: Asked) -> dict[str, object]:
    return image_body(await call.app.images.get(call.path["image_id"], caller_of(call)))


async def patch(call: Asked) -> dict[str, object]:
    old_style = (call.request.content_type or "").split(";")[0].strip().lower() == PATCH_OLD
    changes = changes_of(call.body, old_style=old_style)
    return image_body(await call.app.images.change(call.path["image_id"], changes, caller_of(call)))


async def delete(call: Asked) -> None:
    await call.app.images.delete(call.path["image_id"], caller_of(call))


async def deactivate(call: Asked) -> None:
    await call.app.images.set_active(call.path["image_id"], False, caller_of(call))


async def reactivate(call: Asked) -> None:
    await call.app.images.set_active(call.path["image_id"], True, caller_of(call))


async def add_tag(call: Asked) -> None:
    tag = call.path["tag"]
    if len(tag) > 255:
        raise BadRequest(f"Provided object does not match schema 'image': {tag!r} is too long: tags")
    await call.app.images.add_tag(call.path["image_id"], tag, caller_of(call))


async def remove_tag(call: Asked) -> None:
    await call.app.images.remove_tag(call.path["image_id"], call.path["tag"], caller_of(call))
