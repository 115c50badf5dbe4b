"""A tree of settings read off its types: sections are frozen msgspec Structs, everything else is a leaf with a value.

A leaf has three names, made from its path: ``compute.workers`` in the file (``workers`` below ``[compute]``) and as a
flag key, ``KILONOVA_COMPUTE_WORKERS`` in the environment, ``--compute-workers`` on a command line.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import msgspec

from kilonova_kit.settings.secret import Secret


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. ``kind`` is its type with any ``Annotated`` constraint; ``default`` may be ``msgspec.NODEFAULT``."""

    path: tuple[str, ...]
    kind: Any
    default: Any
    description: str

    @property
    def key(self) -> str:
        return ".".join(self.path)

    @property
    def environment(self) -> str:
        return "_".join(("KILONOVA", *self.path)).upper()

    @property
    def flag(self) -> str:
        return "--" + "-".join(self.path).replace("_", "-")

    @property
    def is_secret(self) -> bool:
        return Secret in _parts(self.kind)

    @property
    def is_list(self) -> bool:
        """Given as text, its values are separated by commas."""
        return any(get_origin(part) in (list, tuple, set, frozenset) for part in _parts(self.kind))


def leaves(kind: type[msgspec.Struct], above: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every setting of a tree, in the order of declaration."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        path, hint = (*above, field.name), hints[field.name]
        if section := section_of(hint):
            yield from leaves(section, path)
        else:
            yield Leaf(path=path, kind=hint, default=_default(field), description=_description(hint))


def section_of(hint: Any) -> type[msgspec.Struct] | None:
    """The Struct that a field holds, if it is a section."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return bare if isinstance(bare, type) and issubclass(bare, msgspec.Struct) else None


def type_name(hint: Any) -> str:
    """A type as documentation shows it."""
    if get_origin(hint) is Annotated:
        return type_name(get_args(hint)[0])
    if isinstance(hint, types.UnionType) or get_origin(hint) is typing.Union:
        return " or ".join(type_name(part) for part in get_args(hint))
    if get_origin(hint) is typing.Literal:
        return " or ".join(repr(value) for value in get_args(hint))
    if get_origin(hint) is not None:
        inner = ", ".join(type_name(part) for part in get_args(hint) if part is not Ellipsis)
        return f"{get_origin(hint).__name__} of {inner}"
    return "nothing" if hint is type(None) else getattr(hint, "__name__", str(hint))


def _parts(hint: Any) -> list[Any]:
    if get_origin(hint) is Annotated:
        return _parts(get_args(hint)[0])
    if isinstance(hint, types.UnionType) or get_origin(hint) is typing.Union:
        return [inner for part in get_args(hint) for inner in _parts(part)]
    return [hint]


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _description(hint: Any) -> str:
    if get_origin(hint) is not Annotated:
        return ""
    found = [m.description for m in get_args(hint)[1:] if isinstance(m, msgspec.Meta) and m.description]
    return found[-1] if found else ""
