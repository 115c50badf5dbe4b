"""Precaches: images that the hosts of an aggregate are to have at hand (``reconcilers/precached_images.py``)."""

from __future__ import annotations

from collections.abc import Sequence

from kilonova_kit.database import Connection
from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.identity import Identity

from kilonova_compute.actions.image_sources import FORMATS
from kilonova_compute.app.aggregates import find
from kilonova_compute.app.compute import Compute
from kilonova_compute.external.image import snapshot_of
from kilonova_compute.model.precaches import OPEN_SECONDS, HostProgress, Precache
from kilonova_compute.model.servers import ImageSnapshot
from kilonova_compute.store import aggregates as aggregate_store
from kilonova_compute.store import precaches as store


async def ask_for(compute: Compute, identity: Identity, number: int, image_ids: Sequence[str]) -> None:
    """Write down that the hosts of an aggregate are to have these images; again, it begins anew.

    Raises NotFound for the aggregate, BadRequest for an image that cannot be had.
    """
    await find(compute, number)
    images = [await _image(compute, identity, image_id) for image_id in image_ids]
    now = compute.clock()

    def write(tx: Connection) -> None:
        found = aggregate_store.change(tx, number, lambda found: found)  # nobody else asks, or deletes it, meanwhile
        if found is None:
            raise NotFound(f"Aggregate {number} could not be found.")
        for image in images:
            precache = Precache(aggregate=number, image=image, asked_at=now, until=now + OPEN_SECONDS)
            store.put(tx, precache, found.hosts)

    await compute.cells.database.write(write)


async def _image(compute: Compute, identity: Identity, image_id: str) -> ImageSnapshot:
    try:
        found = await compute.image.show(image_id, identity.token)
    except NotFound as error:
        raise BadRequest(error.message) from error
    if found.get("status") != "active":
        raise BadRequest(f"Image {image_id} is not active.")
    image = snapshot_of(found)
    if image.disk_format not in FORMATS:
        raise BadRequest(f"Image {image_id} has the format {image.disk_format}, which hosts cannot use.")
    return image


async def listed(compute: Compute) -> list[tuple[Precache, list[HostProgress]]]:
    return await compute.cells.database.read(store.listed)
