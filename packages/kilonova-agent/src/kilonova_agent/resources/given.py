"""What of this host a guest has for itself: processors and devices, chosen once, written in the guest's record.

Invariants:
- No two guests of this host have the same dedicated processor or device: a choice looks at every record, and is written
  before anything else happens, without an await between.
- What was chosen stays as long as the wish asks for it: over restarts of the agent, of the guest and of the machine.
- It is free again when the record is buried, that is, when the guest is gone.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from kilonova_driver.errors import NoResources
from kilonova_driver.types.guests import HandedDevice
from kilonova_driver.types.inventory import PciDevice
from kilonova_messages.wishes import GuestWish

from kilonova_agent.resources.devices import OF_DEVICES
from kilonova_agent.resources.processors import pick
from kilonova_agent.resources.trees import Seat, Tree


class Given(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``pins``: the processor of each dedicated vCPU. ``idle``: beside isolated ones. ``groups``: of the devices."""

    pins: dict[int, int] = {}
    emulator: int | None = None
    idle: tuple[int, ...] = ()
    devices: tuple[HandedDevice, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def processors(self) -> frozenset[int]:
        """Every processor that nobody else may have."""
        own = {*self.pins.values(), *self.idle}
        return frozenset(own if self.emulator is None else {*own, self.emulator})


def choose(wish: GuestWish, tree: Tree, before: Given, others: Iterable[Given]) -> Given:
    """What the guest gets, as before where that will do. Raises NoResources."""
    others = tuple(others)
    devices, groups = _devices(wish, tree, before, others)
    return msgspec.structs.replace(_processors(wish, tree, before, others), devices=devices, groups=groups)


def needs_nothing(wish: GuestWish) -> bool:
    """Whether the guest asks for nothing of its own: nearly all do."""
    return not wish.layout.dedicated_cpus and not wish.devices


# --- processors


def _processors(wish: GuestWish, tree: Tree, before: Given, others: tuple[Given, ...]) -> Given:
    wanted = _by_seat(wish, tree)
    taken = frozenset[int]().union(*(other.processors for other in others))
    if _still_right(wish, wanted, before, taken):
        return msgspec.structs.replace(before, devices=(), groups=())
    pins: dict[int, int] = {}
    idle: list[int] = []
    emulator: int | None = None
    for number, (seat, cpus) in enumerate(wanted):
        free = seat.processors - taken - {*pins.values(), *idle}
        extra = number == 0 and wish.layout.emulator_threads == "isolate"
        cores = tree.cores or tuple((cpu,) for cpu in sorted(seat.processors))
        chosen, beside = pick(cores, free, len(cpus) + extra, wish.layout.thread_policy)
        if extra:
            emulator = chosen.pop()
        pins |= dict(zip(cpus, chosen, strict=True))
        idle += beside
    return Given(pins=pins, emulator=emulator, idle=tuple(idle))


def _by_seat(wish: GuestWish, tree: Tree) -> list[tuple[Seat, list[int]]]:
    """The dedicated vCPUs with the part of the host that gives them theirs; without cells, the host itself."""
    layout, dedicated = wish.layout, set(wish.layout.dedicated_cpus)
    cells = [(_seat(tree, cell.provider_id), sorted(dedicated.intersection(cell.cpus))) for cell in layout.cells]
    left = sorted(dedicated.difference(*(cell.cpus for cell in layout.cells)))
    if left:
        cells.append((_seat(tree, ""), left))
    return [(seat, cpus) for seat, cpus in cells if cpus]


def _seat(tree: Tree, provider: str) -> Seat:
    seat = tree.seats.get(provider)
    if seat is None:
        raise NoResources(f"the part {provider} of this host, which was claimed, is not there any more")
    return seat


def _still_right(wish: GuestWish, wanted: list[tuple[Seat, list[int]]], before: Given, taken: frozenset[int]) -> bool:
    """Whether the processors chosen before are of the claimed parts, all that are wished, and nobody else's."""
    seat_of = {cpu: seat for seat, cpus in wanted for cpu in cpus}
    has_emulator = wish.layout.emulator_threads == "isolate" and bool(seat_of)
    return (
        before.pins.keys() == seat_of.keys()
        and all(pin in seat_of[cpu].processors for cpu, pin in before.pins.items())
        and (before.emulator is not None) == has_emulator
        and not before.processors & taken
    )


# --- devices


def _devices(
    wish: GuestWish, tree: Tree, before: Given, others: tuple[Given, ...]
) -> tuple[tuple[HandedDevice, ...], tuple[str, ...]]:
    had = {device.address for device in before.devices}
    taken = {device.address for other in others for device in other.devices}
    groups = {group for other in others for group in other.groups}
    chosen: list[PciDevice] = []
    handed: list[HandedDevice] = []
    for wished in wish.devices:
        if not _is_device(tree, wished.resource_class):
            continue  # an amount or a thing of which nothing is handed over: a license, a part of an operator's own
        there = _seat(tree, wished.provider_id).devices.get(wished.resource_class, ())
        fit = [one for one in there if one.address not in taken and (not one.group or one.group not in groups)]
        fit.sort(key=lambda one: (one.address not in had, one.address))
        if len(fit) < wished.count:
            raise NoResources(f"{wished.count} of {wished.resource_class} were claimed, only {len(fit)} are free")
        chosen += fit[: wished.count]
        handed += [
            HandedDevice(address=one.address, resource_class=wished.resource_class) for one in fit[: wished.count]
        ]
        taken |= {one.address for one in fit[: wished.count]}
    return tuple(handed), tuple(sorted({one.group for one in chosen if one.group}))


def _is_device(tree: Tree, resource_class: str) -> bool:
    return resource_class in tree.device_classes or resource_class.startswith(OF_DEVICES)
