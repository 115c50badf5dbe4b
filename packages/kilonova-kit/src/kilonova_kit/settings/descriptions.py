"""Settings as documentation lists them."""

from __future__ import annotations

import msgspec

from kilonova_kit.settings.trees import leaves, type_name


class SettingDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. ``default`` is as text, ``(required)`` when there is none."""

    name: str
    type: str
    default: str
    description: str
    environment: str
    flag: str


def describe(kind: type[msgspec.Struct]) -> list[SettingDoc]:
    """Every setting of the tree, in the order of declaration."""
    return [
        SettingDoc(
            name=leaf.key,
            type=type_name(leaf.kind),
            default="(required)" if leaf.default is msgspec.NODEFAULT else _shown(leaf.default),
            description=leaf.description,
            environment=leaf.environment,
            flag=leaf.flag,
        )
        for leaf in leaves(kind)
    ]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(str(part) for part in value)
    return "" if value is None else str(value)
