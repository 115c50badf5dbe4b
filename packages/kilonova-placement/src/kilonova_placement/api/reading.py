"""Reading requests of the Placement API and dating its answers, with the real service's own words.

The edge reads nothing of them (``reads_itself``): what is wrong with a body or a parameter is part of this API's
contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from kilonova_kit.errors import BadRequest, NotAcceptable, UnsupportedMedia
from kilonova_kit.http.bodies import read_bytes
from kilonova_kit.http.operations import Answer, Call
from kilonova_kit.http.versioned import Version

from kilonova_placement.api.shapes import Schema, find_flaw
from kilonova_placement.app.placement import PlacementApp

ApiCall = Call[PlacementApp, None, None]
_CACHE_HEADERS: Version = (1, 15)
_JSON = "application/json"
_LARGEST_BODY = 16 * 1024 * 1024
_ACCEPTABLE = frozenset((_JSON, "application/*", "*/*"))


def href(call: ApiCall, path: str) -> str:
    """A path from the server's root, as the real service links."""
    return urlsplit(call.base_url).path + path


def location(call: ApiCall, path: str) -> dict[str, str]:
    """The header that names what was made, with the whole URL."""
    return {"Location": call.base_url + path}


def dated(body: Any, call: ApiCall, moment: float | None = None, *, status: int | None = None) -> Answer:
    """The answer with ``last-modified`` and ``cache-control`` from 1.15 on; without a moment it is now."""
    return Answer(body, status=status, headers=date_headers(call, moment))


def date_headers(call: ApiCall, moment: float | None = None) -> dict[str, str]:
    if call.version < _CACHE_HEADERS:
        return {}
    when = call.app.clock() if moment is None else moment
    return {"Last-Modified": formatdate(when, usegmt=True), "Cache-Control": "no-cache"}


def check_accept(call: ApiCall) -> None:
    """Raise NotAcceptable for a client that takes no JSON."""
    accept = call.request.get_header("Accept")
    if accept and _ACCEPTABLE.isdisjoint(part.split(";")[0].strip().lower() for part in accept.split(",")):
        raise NotAcceptable(f"Only {_JSON} is provided")


async def read_body(call: ApiCall, schema: Schema) -> Any:
    """The JSON body in its shape. Raises UnsupportedMedia, BadRequest."""
    check_content(call)
    raw = await read_bytes(call.request, _LARGEST_BODY)
    try:
        data = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"Malformed JSON: {error}") from None
    except RecursionError:
        raise BadRequest("Malformed JSON: it is nested too deeply") from None
    check_shape(data, schema)
    return data


def check_content(call: ApiCall) -> None:
    """Raise unless the body, or its absence, says that it is JSON."""
    kind = (call.request.get_header("Content-Type") or "").split(";")[0].strip().lower()
    if not kind and (call.request.content_length or 0) > 0:
        raise BadRequest("content-type header required when content-length > 0")
    if kind != _JSON:
        raise UnsupportedMedia(f"The media type {kind or None} is not supported, use {_JSON}")


def check_shape(data: Any, schema: Schema) -> None:
    if flaw := find_flaw(data, schema):
        raise BadRequest(f"JSON does not validate: {flaw}")


class Parameters:
    """Query parameters in their order; most may be given once, and then the last one counts."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = pairs
        self.last = dict(pairs)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]


def read_parameters(call: ApiCall, schema: Schema) -> Parameters:
    """The query string in its shape. Raises BadRequest."""
    try:
        found = Parameters(parse_qsl(call.request.query_string, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise BadRequest(f"Invalid query string parameters: {error}") from None
    if flaw := find_flaw(found.last, schema):
        raise BadRequest(f"Invalid query string parameters: {flaw}")
    return found
