"""The images that a fresh cloud holds, made from files on this machine."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from kilonova_neighbours.image.app.images import Images
from kilonova_neighbours.image.app.uploads import Uploads
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.images import Image
from kilonova_neighbours.image.model.listing import Condition, Listing
from kilonova_neighbours.image.settings import BootstrapImage
from kilonova_neighbours.image.store.images import ImageStore

_PIECE = 1024 * 1024


async def ensure_image(wanted: BootstrapImage, rules: Images, images: ImageStore, uploads: Uploads) -> Image:
    """The public image of this name and these bytes, made where it is missing.

    One of the same name with other bytes is left alone (servers may have been made from it) but hidden behind the new
    one: lists show the newest first. Raises OSError, UnsupportedMedia.
    """
    caller = Caller(user_id="", project_id=wanted.owner, is_admin=True, may_publish=True)
    digest = await asyncio.to_thread(_digest, wanted.path)
    for image in await _of_name(wanted, images, caller):
        if image.status == "active" and image.os_hash_value == digest:
            return image
        if image.status == "queued" and not image.protected:
            await rules.delete(image.id, caller)
    made = await rules.create(_image(wanted), caller)
    size = (await asyncio.to_thread(wanted.path.stat)).st_size
    return await uploads.upload(made.id, _pieces(wanted.path), size, caller)


async def _of_name(wanted: BootstrapImage, images: ImageStore, caller: Caller) -> list[Image]:
    listing = Listing(
        conditions=(Condition("name", "eq", wanted.name), Condition("owner", "eq", wanted.owner)),
        visibility="public",
        order=(("created_at", True), ("id", True)),
        limit=100,
    )
    return await images.page(listing, caller) or []


def _image(wanted: BootstrapImage) -> Image:
    return Image(
        id="",
        name=wanted.name,
        owner=wanted.owner,
        visibility="public",
        disk_format=wanted.disk_format,
        container_format="bare",
        min_disk=wanted.min_disk,
        min_ram=wanted.min_ram,
        properties=dict(wanted.properties),
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        file.close()
