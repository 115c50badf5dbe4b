"""A whole machine: one of its class of which nothing is claimed yet, and then all that it and its parts have."""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_placement.deciding.trees.look import Look, Shortfall


def take_machine(look: Look, machine: str, least: Mapping[str, int]) -> Shortfall | None:
    """Take the first that has at least these amounts."""
    for row in look.rows:
        if not look.gives(row, machine, 1):
            continue
        rows = look.subtree(row)
        if all(look.is_unused(part) for part in rows) and _has(look, rows, least):
            _take_all(look, rows)
            return None
    return Shortfall("whole machine", f"no {machine} that is wholly free and large enough")


def _has(look: Look, rows: set[int], least: Mapping[str, int]) -> bool:
    return all(sum(max(0, look.left(row, name)) for row in rows) >= amount for name, amount in least.items())


def _take_all(look: Look, rows: set[int]) -> None:
    for row in sorted(rows):
        for name in list(look.classes()):
            if (left := look.left(row, name)) > 0:
                look.take(row, name, left)
