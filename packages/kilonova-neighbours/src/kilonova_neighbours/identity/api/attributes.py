"""The attributes in a request body: those that the API knows, checked, and the rest, which Keystone keeps as it is."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from kilonova_kit.errors import BadRequest
from kilonova_kit.http.wrong_input import explain

T = TypeVar("T", bound=msgspec.Struct)

#: keystone.api.validation.parameter_types: id_string, name.
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9-]+$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"[\S]+")]
ShortName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"[\S]+")]
Text = str | None

#: Never stored as extra attributes: they are the answer's own.
_ANSWERED = frozenset({"id", "links"})


def read(plain: dict[str, Any], kind: type[T]) -> tuple[T, dict[str, Any]]:
    """Check what is known (strictly: "true" is no boolean), keep what is not. Raises BadRequest, naming the field."""
    names = kind.__struct_encode_fields__
    try:
        known = msgspec.convert({name: plain[name] for name in names if name in plain}, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(explain(str(error), plain)) from None
    extra = {name: value for name, value in plain.items() if name not in names and name not in _ANSWERED}
    return known, extra


def given(known: msgspec.Struct) -> dict[str, Any]:
    """What was said, without what was left out."""
    return {name: value for name in known.__struct_fields__ if (value := getattr(known, name)) is not msgspec.UNSET}
