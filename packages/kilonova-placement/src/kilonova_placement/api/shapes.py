"""Whether plain data has a shape: the part of JSON Schema that the Placement API's bodies and parameters need.

The words are those of the jsonschema library, which the real service answers with and clients' tests look for. Nothing
is converted: ``"1"`` is no number here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sized
from functools import cache
from typing import Any, NamedTuple

import msgspec
from kilonova_kit.ids import is_uuid_like

Schema = Mapping[str, Any]
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}
_Check = Callable[[Any, Any, Schema], Iterator[str]]
_matcher = cache(re.compile)


class Flaw(NamedTuple):
    """What is wrong, which rule says so, and where: the way into the data, and into the schema."""

    words: str
    rule: str
    where: tuple[str | int, ...]
    schema_way: tuple[str | int, ...]
    value: Any

    def __str__(self) -> str:
        way = "".join(f"[{step!r}]" for step in self.schema_way)
        where = "".join(f"[{step!r}]" for step in self.where)
        return (
            f"{self.words}\n\nFailed validating {self.rule!r} in schema{way}\n\nOn instance{where}:\n    {self.value!r}"
        )


def find_flaw(value: Any, schema: Schema) -> Flaw | None:
    """The flaw nearest to the top, None when the shape is right."""
    return min(_flaws(value, schema, (), ()), key=lambda flaw: len(flaw.where), default=None)


def _flaws(value: Any, schema: Schema, where: tuple[str | int, ...], way: tuple[str | int, ...]) -> Iterator[Flaw]:
    for rule, wanted in schema.items():
        check = _RULES.get(rule)
        if check is not None:
            for words in check(value, wanted, schema):
                yield Flaw(words, rule, where, way, value)
    if isinstance(value, dict):
        yield from _members(value, schema, where, way)
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from _flaws(item, schema["items"], (*where, number), (*way, "items"))


def _members(value: dict[str, Any], schema: Schema, where: Any, way: Any) -> Iterator[Flaw]:
    for name, below in schema.get("properties", {}).items():
        if name in value:
            yield from _flaws(value[name], below, (*where, name), (*way, "properties", name))
    for pattern, below in schema.get("patternProperties", {}).items():
        for name in value:
            if _matcher(pattern).search(name):
                yield from _flaws(value[name], below, (*where, name), (*way, "patternProperties", pattern))


def _type(value: Any, wanted: Any, _: Schema) -> Iterator[str]:
    kinds = [wanted] if isinstance(wanted, str) else wanted
    if not any(_TYPES[kind](value) for kind in kinds):
        yield f"{value!r} is not of type {', '.join(repr(kind) for kind in kinds)}"


def _required(value: Any, wanted: Any, _: Schema) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{name!r} is a required property" for name in wanted if name not in value)


def _additional(value: Any, _: Any, schema: Schema) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    patterns = sorted(schema.get("patternProperties", {}))
    known = schema.get("properties", {})
    extra = [name for name in value if name not in known and not any(_matcher(one).search(name) for one in patterns)]
    if not extra:
        return
    named = ", ".join(repr(name) for name in extra)
    if patterns:
        verb = "does" if len(extra) == 1 else "do"
        yield f"{named} {verb} not match any of the regexes: {', '.join(repr(one) for one in patterns)}"
    else:
        yield f"Additional properties are not allowed ({named} {'was' if len(extra) == 1 else 'were'} unexpected)"


def _number(rule: Callable[[Any, Any], bool], words: str) -> _Check:
    def check(value: Any, wanted: Any, _: Schema) -> Iterator[str]:
        if _TYPES["number"](value) and rule(value, wanted):
            yield f"{value!r} is {words} of {wanted!r}"

    return check


def _size(kind: type[Sized], rule: Callable[[int, int], bool], words: str) -> _Check:
    def check(value: Any, wanted: Any, _: Schema) -> Iterator[str]:
        if isinstance(value, kind) and rule(len(value), wanted):
            yield f"{value!r} {'should be non-empty' if wanted == 1 and not value else words}"

    return check


def _pattern(value: Any, wanted: Any, _: Schema) -> Iterator[str]:
    if isinstance(value, str) and not _matcher(wanted).search(value):
        yield f"{value!r} does not match {wanted!r}"


def _format(value: Any, wanted: Any, _: Schema) -> Iterator[str]:
    if wanted == "uuid" and isinstance(value, str) and not is_uuid_like(value):
        yield f"{value!r} is not a 'uuid'"


def _enum(value: Any, wanted: Any, _: Schema) -> Iterator[str]:
    if value not in wanted:
        yield f"{value!r} is not one of {wanted!r}"


def _unique(value: Any, _: Any, __: Schema) -> Iterator[str]:
    if isinstance(value, list) and len({msgspec.json.encode(item) for item in value}) < len(value):
        yield f"{value!r} has non-unique elements"


_RULES: Mapping[str, _Check] = {
    "type": _type,
    "required": _required,
    "additionalProperties": _additional,
    "minimum": _number(lambda value, wanted: value < wanted, "less than the minimum"),
    "maximum": _number(lambda value, wanted: value > wanted, "greater than the maximum"),
    "minLength": _size(str, lambda size, wanted: size < wanted, "is too short"),
    "maxLength": _size(str, lambda size, wanted: size > wanted, "is too long"),
    "minItems": _size(list, lambda size, wanted: size < wanted, "is too short"),
    "minProperties": _size(dict, lambda size, wanted: size < wanted, "does not have enough properties"),
    "pattern": _pattern,
    "format": _format,
    "enum": _enum,
    "uniqueItems": _unique,
}
