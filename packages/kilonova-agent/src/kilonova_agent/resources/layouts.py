"""From what a guest asks for and what it was given to the layout that a driver gets: pure.

Guests without processors of their own stay on the shared ones, where the operator has set some aside: a dedicated
processor would be none otherwise. Those of a cell stay near its memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from kilonova_driver.types.guests import CpuLayout, CpuPin, Feature, GuestCell, GuestSpec
from kilonova_messages.wishes import GuestWish, WishedCell

from kilonova_agent.resources.given import Given
from kilonova_agent.resources.trees import Seat, Tree


def laid_out(spec: GuestSpec, wish: GuestWish, given: Given, tree: Tree, features: frozenset[str]) -> GuestSpec:
    """The spec with its layout and devices, and the features that they need."""
    layout = CpuLayout(
        topology=wish.layout.topology,
        cells=tuple(_cell(cell, tree) for cell in wish.layout.cells),
        pins=tuple(_pins(wish, given, tree)) if given.pins or Feature.PINNING in features else (),
        emulator_cpus=_emulator(wish, given, tree) if given.pins or Feature.PINNING in features else (),
    )
    needed = [*spec.required_features, *_needed(layout), *([Feature.DEVICES.value] if given.devices else [])]
    return msgspec.structs.replace(
        spec, layout=layout, devices=given.devices, required_features=tuple(dict.fromkeys(needed))
    )


def _needed(layout: CpuLayout) -> Iterator[str]:
    if layout.topology is not None:
        yield Feature.CPU_TOPOLOGY.value
    if layout.cells:
        yield Feature.NUMA.value
    if layout.pins or layout.emulator_cpus:
        yield Feature.PINNING.value
    if any(cell.page_size_kib for cell in layout.cells):
        yield Feature.HUGE_PAGES.value


def _cell(cell: WishedCell, tree: Tree) -> GuestCell:
    return GuestCell(
        cpus=cell.cpus, memory_mib=cell.memory_mib, page_size_kib=cell.page_size_kib, host_node=_node(cell, tree)
    )


def _node(cell: WishedCell, tree: Tree) -> int:
    return tree.seats.get(cell.provider_id, Seat()).node


def _pins(wish: GuestWish, given: Given, tree: Tree) -> Iterator[CpuPin]:
    cell_of = {cpu: cell for cell in wish.layout.cells for cpu in cell.cpus}
    for cpu in range(wish.vcpus):
        if cpu in given.pins:
            yield CpuPin(cpu=cpu, host_cpus=(given.pins[cpu],))
        elif near := _near(cell_of.get(cpu), tree):
            yield CpuPin(cpu=cpu, host_cpus=near)


def _near(cell: WishedCell | None, tree: Tree) -> tuple[int, ...]:
    """The shared processors of the cell's node, or all shared ones; nothing where any will do."""
    node = tree.nodes.get(_node(cell, tree), frozenset[int]()) if cell else frozenset[int]()
    return tuple(sorted((node & tree.shared) or tree.shared or node))


def _emulator(wish: GuestWish, given: Given, tree: Tree) -> tuple[int, ...]:
    """Where the rest of the guest's process runs."""
    if given.emulator is not None:
        return (given.emulator,)
    if not given.pins or (wish.layout.emulator_threads == "share" and tree.shared):
        first = wish.layout.cells[0] if wish.layout.cells else None
        return _near(first, tree)
    return tuple(sorted(given.pins.values()))
