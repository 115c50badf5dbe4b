"""JSON bodies and query strings to types, with errors that name the field.

Conversion is lax where the real APIs are: ``"512"`` passes for 512 and ``"true"`` for true; never the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import falcon.asgi
import msgspec
from msgspec import inspect

from kilonova_kit.errors import BadRequest, TooLarge, UnsupportedMedia
from kilonova_kit.http.versioned import Version, refuse_hidden
from kilonova_kit.http.wrong_input import explain

T = TypeVar("T")


async def read_json(request: falcon.asgi.Request, limit: int, content_types: Iterable[str], kind: Any = None) -> Any:
    """Read a JSON body of at most ``limit`` bytes, None when there is none; as this type, if one is given.

    Raises TooLarge, UnsupportedMedia, BadRequest that names the field.
    """
    raw = await read_bytes(request, limit)
    if not raw.strip():
        return None
    given = (request.content_type or "application/json").split(";")[0].strip().lower()
    if given not in content_types:
        raise UnsupportedMedia(f"Unsupported Content-Type {given}: send {' or '.join(content_types)}")
    try:
        return _decoder(kind).decode(raw)
    except msgspec.ValidationError as error:
        raise BadRequest(explain(str(error), _plain(raw))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The request body is not valid JSON: {error}") from None
    except RecursionError:
        raise BadRequest("The request body is not valid: it is nested too deeply") from None


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(Any if kind is None else kind, strict=False)


def _plain(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # it is wrong further on as well
        return msgspec.UNSET


async def read_bytes(request: falcon.asgi.Request, limit: int) -> bytes:
    length = request.content_length
    if length is not None:
        if length > limit:
            raise _too_large(limit)
        whole: bytes = await request.stream.readall()  # never more than it said
        return whole
    parts, size = [], 0
    async for part in request.stream:
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"Request is too large: the body may have {limit} bytes")


def to_type(value: Any, kind: type[T], asked: Version) -> T:
    """Make plain data a type. Raises BadRequest that names the field, also for one from another version."""
    refuse_hidden(value, kind, asked)
    return convert(value, kind)


def convert(value: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(explain(str(error), value)) from None


@cache
def _parameters(kind: type[msgspec.Struct]) -> Mapping[str, bool]:
    """Each parameter's name, and whether it may be given several times."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: _is_list(field.type) for field in info.fields}


def _is_list(info: inspect.Type) -> bool:
    if isinstance(info, inspect.Metadata):
        return _is_list(info.type)
    if isinstance(info, inspect.UnionType):
        return any(_is_list(part) for part in info.types)
    return isinstance(info, inspect.ListType | inspect.VarTupleType)


def to_query(pairs: Iterable[tuple[str, str]], kind: type[T], asked: Version, strict_from: Version) -> T:
    """Make a query string a type; parameters of other versions count as unknown ones."""
    assert issubclass(kind, msgspec.Struct)
    known, values = _parameters(kind), dict[str, Any]()
    for name, value in pairs:
        if name not in known:
            _unknown_parameter(name, asked, strict_from)
        elif known[name]:
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    try:
        refuse_hidden(values, kind, asked)
    except BadRequest:
        for name in list(values):
            _drop_hidden(values, name, kind, asked, strict_from)
    return convert(values, kind)


def _unknown_parameter(name: str, asked: Version, strict_from: Version) -> None:
    if asked >= strict_from:
        raise BadRequest(f"Additional properties are not allowed ('{name}' was unexpected)")


def _drop_hidden(values: dict[str, Any], name: str, kind: Any, asked: Version, strict_from: Version) -> None:
    try:
        refuse_hidden({name: values[name]}, kind, asked)
    except BadRequest:
        _unknown_parameter(name, asked, strict_from)
        del values[name]
