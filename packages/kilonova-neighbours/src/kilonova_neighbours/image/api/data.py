"""The bytes of an image: ``/file`` in and out, ``/stage`` and ``/import``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import BinaryIO

from kilonova_kit.errors import BadRequest, KilonovaError, UnsupportedMedia
from kilonova_kit.http.operations import Answer

from kilonova_neighbours.image.api.callers import Asked, caller_of
from kilonova_neighbours.image.app.imports import check_method

_PIECE = 1024 * 1024
#: No file is larger; Python reads no number of thousands of digits.
_MANY_DIGITS = 18
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
#: A client that sends without looking gets its refusal only if we read on for a while.
_READ_ON = 64 * 1024 * 1024


async def upload(call: Asked) -> None:
    size, pieces = _announced(call), _pieces(call)
    try:
        await call.app.uploads.upload(call.path["image_id"], pieces, size, caller_of(call))
    except KilonovaError:
        await _read_on(call, pieces)
        raise


async def stage(call: Asked) -> None:
    size, pieces = _announced(call), _pieces(call)
    try:
        await call.app.uploads.stage(call.path["image_id"], pieces, size, caller_of(call))
    except KilonovaError:
        await _read_on(call, pieces)
        raise


async def import_image(call: Asked) -> None:
    check_method(call.body)
    await call.app.imports.ask(call.path["image_id"], call.body, caller_of(call), call.request_id)


def _announced(call: Asked) -> int | None:
    """The size the client announces. Raises UnsupportedMedia, BadRequest."""
    kind = (call.request.content_type or "").split(";")[0].strip().lower()
    if kind != "application/octet-stream":
        raise UnsupportedMedia("The server does not support media type: send application/octet-stream")
    announced = call.request.get_header("X-OpenStack-Image-Size")
    if announced is None:
        return call.request.content_length
    if not announced.isascii() or not announced.isdigit() or len(announced) > _MANY_DIGITS:
        raise BadRequest("Invalid or missing image size in request headers.")
    return int(announced)


def _pieces(call: Asked) -> AsyncIterator[bytes]:
    """The body as it comes. One iterator for all: the stream cannot be begun twice."""
    return call.request.stream.__aiter__()


async def _read_on(call: Asked, pieces: AsyncIterator[bytes]) -> None:
    size = 0
    if (call.request.content_length or 0) > _READ_ON:
        return
    async for piece in pieces:
        size += len(piece)
        if size > _READ_ON:
            return


async def download(call: Asked) -> Answer:
    """200, or 206 and 416 for a ``Range`` of one part; 204 while there is no data."""
    image, file = await call.app.uploads.download(call.path["image_id"], caller_of(call))
    if file is None:
        return Answer(status=204)
    size = image.size or 0
    try:
        start, end, partial = wanted_range(call.request.get_header("Range"), size)
    except BaseException:
        file.close()
        raise
    headers = {"Content-Length": str(end - start), "Accept-Ranges": "bytes"}
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    elif image.checksum:
        headers["Content-MD5"] = image.checksum
    if call.request.method == "HEAD":
        file.close()
        return Answer(headers=headers, raw=b"", content_type="application/octet-stream")
    return Answer(
        status=206 if partial else 200,
        headers=headers,
        stream=read_part(file, start, end),
        content_type="application/octet-stream",
    )


class RangeNotSatisfiable(KilonovaError):
    """The range begins behind the end of the data."""

    status = 416
    kind = "range_not_satisfiable"


def wanted_range(header: str | None, size: int) -> tuple[int, int, bool]:
    """The first byte, the one behind the last, and whether that is a part. Raises RangeNotSatisfiable.

    A header that is no range of bytes, or has several parts, is ignored, as RFC 9110 allows.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found[0] == "bytes=-":
        return 0, size, False
    if found[1]:
        start, end = _position(found[1]), min(_position(found[2]) + 1, size) if found[2] else size
    else:
        start, end = max(0, size - _position(found[2])), size
    if start >= end:
        raise RangeNotSatisfiable(
            f"The requested range {header} is not satisfiable: the image has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end, True


def _position(digits: str) -> int:
    return int(digits) if len(digits) <= _MANY_DIGITS else 10**_MANY_DIGITS


async def read_part(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    try:
        await asyncio.to_thread(file.seek, start)
        left = end - start
        while left and (piece := await asyncio.to_thread(file.read, min(left, _PIECE))):
            left -= len(piece)
            yield piece
    finally:
        file.close()
