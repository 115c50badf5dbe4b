"""A request in the index's terms: classes with their columns, places as labels. Made anew for each decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kilonova_placement.deciding.grouping import WantedGroup, others_of
from kilonova_placement.deciding.index import ClassColumns, Index
from kilonova_placement.model.requests import DeviceWish, NumaPolicy, Request


class WantedAmount(NamedTuple):
    """So much of a class in all; None for columns that no provider has.

    ``is_device``: it may come in pieces. ``piece``: so much of it must come from one provider.
    """

    resource_class: str
    amount: int
    is_device: bool
    columns: ClassColumns | None
    piece: int = 0


class Wanted(NamedTuple):
    """What constraints and weighers look at beside the index.

    ``amounts`` are all that is asked of each class, by whatever part of the request. ``whole`` and ``devices`` are what
    is left for spreading beside cells and bundles. ``in_pieces``: the columns of a host do not say all about it, though
    it be alone.
    """

    request: Request
    amounts: tuple[WantedAmount, ...]
    required: tuple[str, ...]
    group: WantedGroup | None = None
    forbidden: tuple[str, ...] = ()
    whole: tuple[tuple[str, int], ...] = ()
    devices: tuple[DeviceWish, ...] = ()
    in_pieces: bool = False


def translate(request: Request, index: Index, asking: str = "") -> Wanted:
    """``asking``: the owner that does not count against itself in a group.

    The same class asked for twice, as resource and as devices, counts as both together, as devices.
    """
    devices = _devices(request)
    counted = {wish.resource_class for wish in devices}
    whole = tuple((name, amount) for name, amount in request.resources.items() if name not in counted)
    group = others_of(request.group, index, asking) if request.group else None
    return Wanted(
        request=request,
        amounts=tuple(_amounts(request, whole, devices, index)),
        required=_required(request),
        group=group,
        forbidden=request.all_forbidden_traits(),
        whole=whole,
        devices=devices,
        in_pieces=_in_pieces(request),
    )


def over(wanted: Wanted, index: Index) -> Wanted:
    """The same, looked for in an excerpt of the index it was made for."""
    find = index.classes.get
    amounts = [
        WantedAmount(name, amount, is_device, find(name), piece) for name, amount, is_device, _, piece in wanted.amounts
    ]
    return wanted._replace(amounts=tuple(amounts))


def _devices(request: Request) -> tuple[DeviceWish, ...]:
    """The device wishes, with what is asked of their classes as resources too."""
    classes = {wish.resource_class for wish in request.devices}
    more = [
        DeviceWish(resource_class=name, count=amount, near=NumaPolicy.PREFERRED)
        for name, amount in request.resources.items()
        if name in classes
    ]
    return (*request.devices, *more)


def _in_pieces(request: Request) -> bool:
    choosy = any(wish.required_traits or wish.forbidden_traits for wish in request.devices)
    return bool(request.numa or request.bundles or request.machine or choosy)


def _required(request: Request) -> tuple[str, ...]:
    """What must be somewhere in the host's tree, whichever provider it is asked of."""
    parts = [trait for wish in request.devices for trait in wish.required_traits]
    parts += [trait for bundle in request.bundles for trait in bundle.required_traits]
    return tuple(dict.fromkeys((*request.all_required_traits(), *parts)))


def _amounts(
    request: Request, whole: Iterable[tuple[str, int]], devices: Iterable[DeviceWish], index: Index
) -> Iterator[WantedAmount]:
    """The sums per class: those that come whole, and those in pieces."""
    pieces: dict[str, list[int]] = {}
    for wish in devices:
        pieces.setdefault(wish.resource_class, []).append(wish.count)
    for name, amount in _pieces(request):
        pieces.setdefault(name, []).append(amount)
    find = index.classes.get
    for name, amount in whole:
        if name in pieces or request.machine:
            pieces.setdefault(name, []).append(amount)
        else:
            yield WantedAmount(name, amount, False, find(name), amount)
    counted = {wish.resource_class for wish in devices}
    for name, amounts in pieces.items():
        piece = 0 if name in counted or request.machine else max(amounts)
        yield WantedAmount(name, sum(amounts), True, find(name), piece)


def _pieces(request: Request) -> Iterator[tuple[str, int]]:
    """What cells, bundles and a machine ask, each to come whole from one provider."""
    if request.machine:
        yield request.machine, 1
    for bundle in request.bundles:
        yield from bundle.resources.items()
    if request.numa:
        memory = request.numa.memory_classes
        for cell in request.numa.cells:
            asked = (("PCPU", cell.dedicated_cores), ("VCPU", cell.shared_cores))
            yield from ((name, amount) for name, amount in asked if amount)
            if len(memory) == 1:  # among several, whoever looks at the host chooses
                yield memory[0], cell.memory_mb
