"""Devices are counted out, kind by kind: a provider is a kind, however many it has.

A wish that few kinds can serve goes first, and takes first what no other wish can use: with wishes of which one is
narrower than the other, which is how they are written, that finds a way where there is one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from kilonova_placement.deciding.trees.look import Look, Shortfall
from kilonova_placement.model.requests import DeviceWish, NumaPolicy

_SOCKET = "CUSTOM_SOCKET_"


class Kinds(NamedTuple):
    """A wish with the providers that have what it asks, near or far."""

    wish: DeviceWish
    rows: tuple[int, ...]


def kinds_for(look: Look, wishes: Sequence[DeviceWish]) -> list[Kinds]:
    """Each wish with its providers."""
    return [Kinds(wish, tuple(row for row in look.rows if _is_of_kind(look, row, wish))) for wish in wishes]


def _is_of_kind(look: Look, row: int, wish: DeviceWish) -> bool:
    return look.has(row, wish.resource_class) and look.has_traits(row, wish.required_traits, wish.forbidden_traits)


def count_out(look: Look, wishes: Sequence[DeviceWish], nodes: Collection[int]) -> Shortfall | None:
    """Take the devices. ``nodes``: those that the guest's cells are on, none when it has no cells."""
    kinds = [Kinds(kind.wish, _near_enough(look, kind, nodes)) for kind in kinds_for(look, wishes)]
    wanted_by = {row: sum(row in kind.rows for kind in kinds) for kind in kinds for row in kind.rows}
    for wish, rows in sorted(kinds, key=lambda kind: len(kind.rows)):
        order = sorted(rows, key=lambda row: (not is_near(look, row, wish, nodes), wanted_by[row]))
        missing = wish.count
        for row in order:
            here = look.most(row, wish.resource_class, missing)
            if here:
                look.take(row, wish.resource_class, here)
                missing -= here
        if missing:
            return _too_few(wish, wish.count - missing, must_be_near(wish, nodes))
    return None


def _near_enough(look: Look, kind: Kinds, nodes: Collection[int]) -> tuple[int, ...]:
    if not must_be_near(kind.wish, nodes):
        return kind.rows
    return tuple(row for row in kind.rows if is_near(look, row, kind.wish, nodes))


def must_be_near(wish: DeviceWish, nodes: Collection[int]) -> bool:
    return bool(nodes) and wish.near is not NumaPolicy.PREFERRED


def is_near(look: Look, row: int, wish: DeviceWish, nodes: Collection[int]) -> bool:
    """Whether a provider is where the wish wants it to be, when cells are on these nodes."""
    node = look.node_of(row)
    if node is None:
        return wish.near is NumaPolicy.LEGACY
    if wish.near is NumaPolicy.SOCKET:
        return any(same_socket(look, node, other) for other in nodes)
    return node in nodes


def same_socket(look: Look, node: int, other: int) -> bool:
    """A node that does not say its socket is one by itself."""
    return node == other or any(
        trait.startswith(_SOCKET) for trait in look.traits(node) & look.traits(other)
    )  # fmt: skip


def _too_few(wish: DeviceWish, found: int, near: bool) -> Shortfall:
    traits = [*wish.required_traits, *(f"no {name}" for name in wish.forbidden_traits)]
    such = f" ({', '.join(traits)})" if traits else ""
    where = " near its cells" if near else ""
    return Shortfall("devices", f"too few {wish.resource_class}{such}{where} ({found} of {wish.count})")
