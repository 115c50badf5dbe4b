"""The bytes of an image on their way in, and out.

An upload, in order, and what a crash after each step leaves (``stray_files.py`` mends it):

    1. an empty, locked file in incoming/        a file nobody names: removed
    2. the row: queued -> saving, with its token a queued image again, and the file removed
    3. the bytes, hashed and inspected; fsync    the same
    4. rename to data/                           the same
    5. the row: saving -> active                 done

Staging is the same up to 3, with the state ``uploading``; the import is 3 (read back), 4 and 5.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, Forbidden, Gone, KilonovaError, TooLarge, Unavailable
from kilonova_kit.ids import new_hex_id
from kilonova_kit.metrics import counter

from kilonova_neighbours.image.app import quotas
from kilonova_neighbours.image.app.images import Images
from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.formats import Inspection
from kilonova_neighbours.image.model.images import WITH_DATA, Data, Image, activated, queued
from kilonova_neighbours.image.settings import ImageSettings
from kilonova_neighbours.image.store.files import FileStore
from kilonova_neighbours.image.store.images import Allow, ImageStore

log = logging.getLogger(__name__)

#: Small pieces from the network are gathered to this many bytes before a thread is asked to write them.
_GATHER = 1024 * 1024

_bytes_in = counter("kilonova_image_upload_bytes", "Bytes of image data taken in")


class Uploads:
    """Uploads, stagings and downloads."""

    def __init__(self, settings: ImageSettings, rules: Images, images: ImageStore, files: FileStore) -> None:
        self._settings, self._rules, self._images, self._files = settings, rules, images, files
        #: File names that this process works on.
        self.busy: set[str] = set()

    async def upload(self, image_id: str, pieces: AsyncIterator[bytes], size: int | None, caller: Caller) -> Image:
        """Take an image's data in. ``size`` is what the client announced, None when it did not.

        Raises NotFound, Forbidden, Conflict (has data already), TooLarge, UnsupportedMedia (not what was declared),
        BadRequest (fewer bytes than announced), Gone (deleted meanwhile).
        """
        image = await self._rules.own(image_id, caller, "upload data for")
        _check_formats(image)
        most = await self._most_bytes(image, size, staged=False)
        started = msgspec.structs.replace(image, status="saving", token=new_hex_id())
        return await self._receive(started, pieces, size, most)

    async def stage(self, image_id: str, pieces: AsyncIterator[bytes], size: int | None, caller: Caller) -> Image:
        """Take data to the side, to be imported later. Raises as ``upload``, but looks at no format yet."""
        image = await self._rules.own(image_id, caller)
        most = await self._most_bytes(image, size, staged=True)
        started = msgspec.structs.replace(image, status="uploading", token=new_hex_id())
        return await self._receive(started, pieces, size, most)

    async def _most_bytes(self, image: Image, size: int | None, *, staged: bool) -> int:
        """How many bytes may come. Raises TooLarge when it is clear from the start that they are too many."""
        usage, most = await self._images.usage(image.owner), self._settings.largest_image
        busy, limit = quotas.uploads_of(usage), self._settings.project_bytes
        if 0 <= self._settings.project_uploads <= busy:
            raise TooLarge(f"Project {image.owner} is over a limit for image_count_uploading: {busy} are under way")
        if staged:
            limit = self._settings.project_staged_bytes
        if limit >= 0:
            left = max(0, limit - quotas.bytes_of(usage, staged=staged))
            most = min(most, left) if most >= 0 else left
        if 0 <= most < (size or 0):
            raise _too_large(most)
        return most

    async def _receive(self, started: Image, pieces: AsyncIterator[bytes], size: int | None, most: int) -> Image:
        name = started.file_name
        self.busy.add(name)
        try:
            file = await asyncio.to_thread(self._files.begin, name)
            try:
                await self._claim(started)
                return await self._take_in(started, file, pieces, size, most)
            finally:
                file.close()
        except OSError as error:
            raise _disk_trouble(error) from error
        finally:
            self.busy.discard(name)

    async def _claim(self, started: Image) -> None:
        """queued -> saving or uploading, by one caller at a time."""

        def decide(image: Image | None) -> Image:
            if image is None:
                raise Gone(f"Image {started.id} could not be found; it may have been deleted.")
            if image.status != "queued":
                raise Conflict(f"Image status transition from {image.status} to {started.status} is not allowed")
            return msgspec.structs.replace(image, status=started.status, token=started.token)

        try:
            await self._images.change(started.id, decide, quotas.allow_upload(self._settings, started.owner))
        except BaseException:
            await asyncio.to_thread(self._files.remove, started.file_name)
            raise

    async def _take_in(
        self, started: Image, file: BinaryIO, pieces: AsyncIterator[bytes], size: int | None, most: int
    ) -> Image:
        try:
            inspection = await self._write(file, pieces, most)
            if size is not None and inspection.size != size:
                raise BadRequest(f"{inspection.size} bytes came where {size} were announced")
            await asyncio.to_thread(self._files.settle, file)
            if started.status == "uploading":
                return await self._staged(started, inspection.size)
            data = await asyncio.to_thread(inspection.finish, started.disk_format, started.container_format)
            return await self.publish(started, data)
        except BaseException as error:  # also when the client goes away in the middle: the task is cancelled then
            await asyncio.shield(self.give_up(started, str(error) or type(error).__name__))
            raise

    async def _write(self, file: BinaryIO, pieces: AsyncIterator[bytes], most: int) -> Inspection:
        """Write, hash and inspect the pieces, while the next ones come."""
        inspection, writing = Inspection(), None
        try:
            async for piece in _gathered(pieces):
                if writing is not None:
                    await writing
                if 0 <= most < inspection.size + len(piece):
                    raise _too_large(most)
                writing = asyncio.ensure_future(_digest(file, inspection, piece))
                _bytes_in.inc(len(piece))
        finally:
            if writing is not None:
                await asyncio.shield(writing)
        return inspection

    async def _staged(self, started: Image, size: int) -> Image:
        allow = quotas.allow_bytes(self._settings, started.owner, staged=True)
        return await self._move(started, lambda image: msgspec.structs.replace(image, size=size), allow)

    async def publish(self, started: Image, data: Data) -> Image:
        """Steps 4 and 5. Raises Gone when the image was deleted meanwhile, TooLarge when others were quicker."""
        await asyncio.to_thread(self._files.publish, started.file_name)
        allow = quotas.allow_bytes(self._settings, started.owner, staged=False)
        return await self._move(started, lambda image: activated(image, data), allow)

    async def _move(self, started: Image, new: Callable[[Image], Image], allow: Allow | None) -> Image:
        """Move the image on, if it is still this upload's."""

        def decide(image: Image | None) -> Image:
            if image is None or image.token != started.token:
                raise Gone(
                    f"Image {started.id} could not be found after upload. "
                    "The image may have been deleted during the upload, cleaning up the chunks uploaded."
                )
            return new(image)

        moved = await self._images.change(started.id, decide, allow)
        assert moved is not None
        return moved

    async def give_up(self, started: Image, reason: str) -> None:
        """Back to queued, and no file is left; an upload that has come to its end after all is left alone."""
        log.info("image %s: upload given up: %s", started.id, reason)

        def decide(image: Image | None) -> Image | None:
            if image is None or image.token != started.token or image.status in WITH_DATA:
                return None
            return queued(image)

        left = await self._images.change(started.id, decide)
        if left is None or left.token != started.token:
            await asyncio.to_thread(self._files.remove, started.file_name)

    async def download(self, image_id: str, caller: Caller) -> tuple[Image, BinaryIO | None]:
        """The image and its open file; None while there is no data. Raises NotFound, Forbidden."""
        image = await self._rules.get(image_id, caller)
        if image.status == "deactivated" and not caller.is_admin:
            raise Forbidden("The requested image has been deactivated. Image data download is forbidden.")
        if image.status not in WITH_DATA:
            return image, None
        try:
            return image, await asyncio.to_thread(self._files.open, image.file_name)
        except FileNotFoundError:
            raise Unavailable(f"The data of image {image_id} is not on this machine's disk") from None


def _check_formats(image: Image) -> None:
    missing = [name for name in ("disk_format", "container_format") if getattr(image, name) is None]
    if missing:
        raise BadRequest(f"Properties {', '.join(missing)} must be set prior to saving data.")


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held, size = list[bytes](), 0
    async for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _GATHER:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


async def _digest(file: BinaryIO, inspection: Inspection, piece: bytes) -> None:
    """Both hashes let other threads run, so they use two processors."""

    def write() -> None:
        _write_all(file, piece)
        inspection.eat_for_format(piece)

    await asyncio.gather(asyncio.to_thread(write), asyncio.to_thread(inspection.eat_for_checksum, piece))


def _write_all(file: BinaryIO, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The incoming image is too large: at most {most} bytes may be stored")


def _disk_trouble(error: OSError) -> KilonovaError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TooLarge(f"Image storage media is full: {error.strerror}")
    return Unavailable(f"Image storage media cannot be written: {error.strerror or error}")
