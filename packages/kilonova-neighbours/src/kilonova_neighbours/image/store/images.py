"""Images in the database: one row each, with their tags and properties beside it.

``change`` is the only way to alter an image: it reads and writes in one transaction, so a decision made from the row
is still true when it is written.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec
from kilonova_kit.clock import Clock
from kilonova_kit.database import Database
from sqlalchemy import Connection, delete, func, insert, select, update

from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.images import Image
from kilonova_neighbours.image.model.listing import Listing
from kilonova_neighbours.image.store.conditions import marker_query, page_query
from kilonova_neighbours.image.store.inserts import insert_new
from kilonova_neighbours.image.store.tables import images, members, properties, tags

#: Given the image (None when there is none), what it becomes; None leaves it as it is.
Decide = Callable[[Image | None], Image | None]
#: State to (images, bytes) of one project.
Usage = Mapping[str, tuple[int, int]]
#: Raises what undoes a change by which its project would use this.
Allow = Callable[[Usage], None]

#: The advisory locks of PostgreSQL by which a project's changes are counted one after the other, and how many.
_COUNTING, _BUCKETS = 0x4B4D, 1024

_COLUMNS = tuple(column.name for column in images.columns)


class ImageStore:
    """All SQL about images."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def add(self, image: Image, allow: Allow | None = None) -> Image:
        """Write a new image. Raises Conflict when its id is taken, and what ``allow`` raises."""
        made = msgspec.structs.replace(image, created_at=self._clock(), updated_at=self._clock())

        def run(tx: Connection) -> None:
            insert_new(tx, images, _row(made), f"Image ID {made.id} already exists!")
            _write_tags(tx, made)
            _write_properties(tx, made)
            _check(tx, made.owner, allow)

        await self._database.write(run)
        return made

    async def get(self, image_id: str) -> Image | None:
        return await self._database.read(lambda tx: _get(tx, image_id))

    async def seen(self, image_id: str, project_id: str | None) -> tuple[Image | None, bool]:
        """The image, and whether the project is one of its members."""

        def run(tx: Connection) -> tuple[Image | None, bool]:
            where = (members.c.image_id == image_id) & (members.c.member_id == project_id)
            return _get(tx, image_id), tx.execute(select(members.c.image_id).where(where)).first() is not None

        return await self._database.read(run)

    async def change(self, image_id: str, decide: Decide, allow: Allow | None = None) -> Image | None:
        """Let ``decide`` say what the image becomes, and write it; whatever it or ``allow`` raises undoes all."""

        def run(tx: Connection) -> Image | None:
            old = _get(tx, image_id, locked=True)
            new = decide(old)
            if old is None or new is None or new == old:
                return old
            new = msgspec.structs.replace(new, updated_at=self._clock())
            tx.execute(update(images).where(images.c.id == image_id).values(_row(new)))
            if new.tags != old.tags:
                _write_tags(tx, new)
            if new.properties != old.properties:
                _write_properties(tx, new)
            _check(tx, new.owner, allow)
            return new

        return await self._database.write(run)

    async def remove(self, image_id: str, check: Callable[[Image | None], None]) -> Image | None:
        """Remove an image that ``check`` lets go, and all that hangs on it. Says what it was."""

        def run(tx: Connection) -> Image | None:
            image = _get(tx, image_id, locked=True)
            check(image)
            for table in (tags, properties, members):
                tx.execute(delete(table).where(table.c.image_id == image_id))
            tx.execute(delete(images).where(images.c.id == image_id))
            return image

        return await self._database.write(run)

    async def page(self, listing: Listing, caller: Caller) -> list[Image] | None:
        """One image more than asked for when there are more; None when the marker is not there (any more)."""

        def run(tx: Connection) -> list[Image] | None:
            marker = None
            if listing.marker is not None:
                marker = tx.execute(marker_query(listing.marker, caller)).mappings().first()
                if marker is None:
                    return None
            return _images_of(tx, tx.execute(page_query(listing, caller, marker)).mappings())

        return await self._database.read(run)

    async def in_states(self, states: Collection[str]) -> list[Image]:
        query = select(images).where(images.c.status.in_(states)).order_by(images.c.created_at)
        return await self._database.read(lambda tx: _images_of(tx, tx.execute(query).mappings()))

    async def named_files(self) -> set[str]:
        """The names of all files that a row means."""
        query = select(images.c.id, images.c.token).where(images.c.token != "")
        rows = await self._database.read(lambda tx: tx.execute(query).all())
        return {f"{row.id}.{row.token}" for row in rows}

    async def usage(self, owner: str | None) -> dict[str, tuple[int, int]]:
        """State to (images, bytes) of one project."""
        return await self._database.read(lambda tx: _usage(tx, owner))


def _check(tx: Connection, owner: str | None, allow: Allow | None) -> None:
    """Count what the project has with the change; on PostgreSQL one such change waits for another to be seen."""
    if allow is None:
        return
    if tx.dialect.name != "sqlite":  # which has one writer anyway
        tx.execute(select(func.pg_advisory_xact_lock(_COUNTING, zlib.crc32((owner or "").encode()) % _BUCKETS)))
    allow(_usage(tx, owner))


def _usage(tx: Connection, owner: str | None) -> dict[str, tuple[int, int]]:
    query = (
        select(images.c.status, func.count(), func.coalesce(func.sum(images.c.size), 0))
        .where(images.c.owner == owner)
        .group_by(images.c.status)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in tx.execute(query)}


def _row(image: Image) -> dict[str, Any]:
    return {name: getattr(image, name) for name in _COLUMNS}


def _get(tx: Connection, image_id: str, *, locked: bool = False) -> Image | None:
    query = select(images).where(images.c.id == image_id)
    found = _images_of(tx, tx.execute(query.with_for_update() if locked else query).mappings())
    return found[0] if found else None


def _images_of(tx: Connection, rows: Iterable[Mapping[Any, Any]]) -> list[Image]:
    """Rows with their tags and properties: three queries for any number of images."""
    plain = [{str(name): value for name, value in row.items()} for row in rows]
    ids = [row["id"] for row in plain]
    tagged, named = defaultdict[str, list[str]](list), defaultdict[str, dict[str, str]](dict)
    if ids:
        for found in tx.execute(select(tags).where(tags.c.image_id.in_(ids)).order_by(tags.c.tag)):
            tagged[found.image_id].append(found.tag)
        for found in tx.execute(select(properties).where(properties.c.image_id.in_(ids))):
            named[found.image_id][found.name] = found.value
    return [Image(**row, tags=tuple(tagged[row["id"]]), properties=named[row["id"]]) for row in plain]


def _write_tags(tx: Connection, image: Image) -> None:
    tx.execute(delete(tags).where(tags.c.image_id == image.id))
    if image.tags:
        tx.execute(insert(tags), [{"image_id": image.id, "tag": tag} for tag in sorted(set(image.tags))])


def _write_properties(tx: Connection, image: Image) -> None:
    tx.execute(delete(properties).where(properties.c.image_id == image.id))
    if image.properties:
        rows = [{"image_id": image.id, "name": name, "value": value} for name, value in image.properties.items()]
        tx.execute(insert(properties), rows)
