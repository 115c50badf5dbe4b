"""An operator's own constraints and weighers: found by entry point, taken when the settings name them, in that order.

    [project.entry-points."kilonova.constraints"]         [placement]
    gold = "our_rules:gold_only"                          own = ["gold", "cool"]
    [project.entry-points."kilonova.weighers"]
    cool = "our_rules:COOL"

What is installed and not named decides nothing; what is named and not installed stops the start.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from importlib.metadata import EntryPoint, entry_points

import msgspec
from kilonova_kit.settings import SettingsError

from kilonova_placement.app.settings import PlacementSettings
from kilonova_placement.deciding.constraints import CONSTRAINTS, Constraint
from kilonova_placement.deciding.criteria import Criteria
from kilonova_placement.deciding.own import guarded_constraint, guarded_weigher
from kilonova_placement.deciding.weighers import WEIGHERS, Weigher

CONSTRAINT_GROUP, WEIGHER_GROUP = "kilonova.constraints", "kilonova.weighers"


class Own(msgspec.Struct, frozen=True):
    """One that is installed. ``kind`` is ``constraint`` or ``weigher``; ``package`` says its version too."""

    kind: str
    name: str
    package: str


def installed() -> list[Own]:
    """All that are installed, named in settings or not; nothing is loaded."""
    return [
        Own(kind, point.name, f"{point.dist.name} {point.dist.version}" if point.dist else "")
        for kind, group in (("constraint", CONSTRAINT_GROUP), ("weigher", WEIGHER_GROUP))
        for point in sorted(entry_points(group=group), key=lambda point: point.name)
    ]


def criteria_of(settings: PlacementSettings) -> Criteria:
    """By what this placement decides. Raises SettingsError that says what to do."""
    constraints, weighers = list(CONSTRAINTS), list(WEIGHERS)
    for name in settings.own:
        for found in _loaded(name):
            if isinstance(found, Weigher):
                weighers.append(guarded_weigher(found))
            else:
                constraints.append(guarded_constraint(name, found))
    _check_names([weigher.name for weigher in weighers], settings.multipliers)
    return Criteria(settings.multipliers, tuple(constraints), tuple(weighers))


def _loaded(name: str) -> Iterator[Constraint | Weigher]:
    """What the name means: a constraint, a weigher, or one of each."""
    groups = {group: entry_points(group=group, name=name) for group in (CONSTRAINT_GROUP, WEIGHER_GROUP)}
    if not any(groups.values()):
        raise SettingsError(f"placement.own: {name}: no installed package has an entry point of this name")
    for group, points in groups.items():
        if len(points) > 1:
            raise SettingsError(f"placement.own: {name}: several packages have an entry point of this name in {group}")
        for point in points:
            found = _load(point)
            if isinstance(found, Weigher) if group == WEIGHER_GROUP else callable(found):
                yield found
            else:
                raise SettingsError(f"placement.own: {name}: {point.value} is no {group.partition('.')[2][:-1]}")


def _load(point: EntryPoint) -> Constraint | Weigher:
    try:
        loaded: Constraint | Weigher = point.load()
    except Exception as error:
        raise SettingsError(f"placement.own: {point.name}: {point.value} cannot be loaded: {error}") from error
    return loaded


def _check_names(names: Collection[str], multipliers: Collection[str]) -> None:
    """Two of one name could not be told apart; a multiplier of a name that no weigher has would count for nothing."""
    for name in names:
        if list(names).count(name) > 1:
            raise SettingsError(f"placement.own: another weigher is named {name} already")
    for name in multipliers:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1) or sorted(names)
            raise SettingsError(f"placement.multipliers: no weigher is named {name}: did you mean {', '.join(near)}?")
