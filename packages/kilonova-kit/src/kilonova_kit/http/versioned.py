"""Marks on types: a field that came with a microversion, or went with one.

    class CreateServer(msgspec.Struct):
        name: str
        tags: Annotated[list[str], since(2, 52)] = []
        personality: Annotated[list[File], until(2, 57)] = []      # gone from 2.57 on

``refuse_hidden`` makes a field from another version an unknown field; ``hide`` takes such fields out of an answer. Both
walk a small tree of the marked fields that is computed once per type.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from kilonova_kit.errors import BadRequest

Version = tuple[int, int]
#: Later than every version there is.
NEVER: Version = (9999, 0)


def since(major: int, minor: int) -> msgspec.Meta:
    """The field exists from this version on."""
    return msgspec.Meta(extra={"since": (major, minor)})


def until(major: int, minor: int) -> msgspec.Meta:
    """The field is gone from this version on."""
    return msgspec.Meta(extra={"until": (major, minor)})


class Marked(msgspec.Struct, frozen=True):
    """A field that is marked, or has marked fields below it; ``name`` "*" stands for every item or value."""

    name: str
    since: Version
    until: Version
    below: tuple[Marked, ...]

    def hidden(self, asked: Version) -> bool:
        return not self.since <= asked < self.until


@cache
def marks(kind: Any) -> tuple[Marked, ...]:
    """The tree of marked fields of a type."""
    return _marks_of(inspect.type_info(kind), ())


def _marks_of(info: inspect.Type, path: tuple[type, ...]) -> tuple[Marked, ...]:
    if isinstance(info, inspect.Metadata):
        return _marks_of(info.type, path)
    if isinstance(info, inspect.StructType):
        if info.cls in path:  # a type that holds itself: its marks were seen one level up
            return ()
        return tuple(_marked_fields(info, (*path, info.cls)))
    if isinstance(info, inspect.UnionType):
        return tuple(mark for part in info.types for mark in _marks_of(part, path))
    inner = _item_type(info)
    below = _marks_of(inner, path) if inner is not None else ()
    return (Marked("*", (0, 0), NEVER, below),) if below else ()


def _item_type(info: inspect.Type) -> inspect.Type | None:
    if isinstance(info, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        return info.item_type
    return info.value_type if isinstance(info, inspect.DictType) else None


def _marked_fields(info: inspect.StructType, path: tuple[type, ...]) -> Iterator[Marked]:
    for field in info.fields:
        extra = (field.type.extra or {}) if isinstance(field.type, inspect.Metadata) else {}
        below = _marks_of(field.type, path)
        if below or "since" in extra or "until" in extra:
            yield Marked(field.encode_name, extra.get("since", (0, 0)), extra.get("until", NEVER), below)


def anything_hidden(kind: Any, asked: Version) -> bool:
    """Whether answers of this type must be walked at all at this version."""
    return _any_hidden(marks(kind), asked)


@cache
def _any_hidden(tree: tuple[Marked, ...], asked: Version) -> bool:
    return any(mark.hidden(asked) or _any_hidden(mark.below, asked) for mark in tree)


def hide(value: Any, kind: Any, asked: Version) -> None:
    """Take out of plain data, in place, what did not exist at the asked version."""
    _hide(value, _hidden_marks(kind, asked), asked)


@cache
def _hidden_marks(kind: Any, asked: Version) -> tuple[Marked, ...]:
    """Only what must be taken out at this version, and the way to it: long lists are walked quickly."""
    return _cut(marks(kind), asked)


def _cut(tree: tuple[Marked, ...], asked: Version) -> tuple[Marked, ...]:
    cut = (Marked(mark.name, mark.since, mark.until, _cut(mark.below, asked)) for mark in tree)
    return tuple(mark for mark in cut if mark.below or mark.hidden(asked))


def _hide(value: Any, tree: tuple[Marked, ...], asked: Version) -> None:
    for mark in tree:
        if mark.name == "*":
            for item in _items(value):
                _hide(item, mark.below, asked)
        elif isinstance(value, dict) and mark.name in value:
            if mark.hidden(asked):
                del value[mark.name]
            elif mark.below:
                _hide(value[mark.name], mark.below, asked)


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value


def refuse_hidden(value: Any, kind: Any, asked: Version, where: str = "") -> None:
    """Raise BadRequest when plain data holds a field that does not exist at the asked version."""
    _refuse(value, marks(kind), asked, where)


def _refuse(value: Any, tree: tuple[Marked, ...], asked: Version, where: str) -> None:
    for mark in tree:
        if mark.name == "*":
            for item in _items(value):
                _refuse(item, mark.below, asked, where)
        elif isinstance(value, dict) and mark.name in value:
            if mark.hidden(asked):
                raise BadRequest(
                    f"Invalid input for field/attribute {where or 'body'}. Additional properties are not allowed "
                    f"('{mark.name}' was unexpected) at version {asked[0]}.{asked[1]}"
                )
            _refuse(value[mark.name], mark.below, asked, mark.name)
