"""A request in the index's terms: classes with their columns, places as labels. Made anew for each decision."""

from __future__ import annotations

from typing import NamedTuple

from kilonova_placement.deciding.index import ClassColumns, Index
from kilonova_placement.model.requests import Request


class WantedAmount(NamedTuple):
    """So much of a class; None for columns that no provider has."""

    resource_class: str
    amount: int
    is_device: bool
    columns: ClassColumns | None


class Wanted(NamedTuple):
    """What constraints and weighers look at beside the index."""

    request: Request
    amounts: tuple[WantedAmount, ...]
    required: tuple[str, ...]


def translate(request: Request, index: Index) -> Wanted:
    """The same class asked for twice, as resource and as devices, counts as both together, as devices."""
    devices: dict[str, int] = {}
    for wish in request.devices:
        devices[wish.resource_class] = devices.get(wish.resource_class, 0) + wish.count
    find = index.classes.get
    plain = [
        WantedAmount(name, amount, False, find(name))
        for name, amount in request.resources.items()
        if name not in devices
    ]
    counted = [
        WantedAmount(name, count + request.resources.get(name, 0), True, find(name)) for name, count in devices.items()
    ]
    return Wanted(request, tuple(plain + counted), request.all_required_traits())
