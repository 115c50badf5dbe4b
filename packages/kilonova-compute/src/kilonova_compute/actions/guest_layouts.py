"""From what a server asked for and what its claim holds to the part of the wish about cores, nodes, pages, devices.

The claim says which provider gives how much; which cell is on which node follows from the amounts. Cells that ask the
same are alike: any of them may be on any of their nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kilonova_driver.types.guests import CpuTopology
from kilonova_kit.errors import NotFound
from kilonova_messages.wishes import WishedCell, WishedDevices, WishedLayout

from kilonova_compute.actions.steps import Context, StepFailed
from kilonova_compute.model.layouts import MEMORY, RequestedLayout, RequestedTopology, page_size_of
from kilonova_compute.model.layouts_of_flavors import layout_of
from kilonova_compute.model.requested_devices import asks_for_things
from kilonova_compute.model.requests import ClaimedPart
from kilonova_compute.model.servers import Server

_DEDICATED, _NODE_MEMORY = "PCPU", "NUMA_MEMORY_MB"
_POOLS = frozenset({"VCPU", _DEDICATED, MEMORY, _NODE_MEMORY, "DISK_GB"})


async def layout_and_devices(context: Context) -> tuple[WishedLayout, tuple[WishedDevices, ...]]:
    """What the host is told beside vCPUs and memory; nothing for nearly all. Raises StepFailed, Unavailable."""
    server = context.server
    layout = requested_layout(server)
    if not asks_for_things(server.flavor.extra_specs) and (layout is None or not layout.cells):
        return wished_layout(layout, ()), ()
    parts = await _parts(context)
    return wished_layout(layout, parts), wished_devices(parts)


def requested_layout(server: Server) -> RequestedLayout | None:
    """As it was asked for: flavor and image are the server's own copies."""
    flavor, properties = server.flavor, server.image.properties if server.image else {}
    return layout_of(flavor.vcpus, flavor.ram, flavor.extra_specs, properties)


async def _parts(context: Context) -> tuple[ClaimedPart, ...]:
    try:
        return await context.services.placement.parts_of(context.server.claim_id or "")
    except NotFound as error:
        raise StepFailed("no_host", f"what the server holds of its host is not known: {error.message}") from error


def wished_devices(parts: Sequence[ClaimedPart]) -> tuple[WishedDevices, ...]:
    """All that is neither cores, memory nor disk: the agent hands over what is a device there."""
    return tuple(
        WishedDevices(resource_class=name, count=amount, provider_id=part.provider_id)
        for part in parts
        for name, amount in sorted(part.amounts.items())
        if name not in _POOLS and not page_size_of(name)
    )


def wished_layout(layout: RequestedLayout | None, parts: Sequence[ClaimedPart]) -> WishedLayout:
    """The cells with the providers that were claimed for them."""
    if layout is None:
        return WishedLayout()
    return WishedLayout(
        topology=_topology(layout.topology) if layout.topology else None,
        cells=_cells(layout, parts),
        dedicated_cpus=layout.dedicated,
        thread_policy=layout.thread_policy,
        emulator_threads=layout.emulator_threads,
    )


def _topology(asked: RequestedTopology) -> CpuTopology:
    return CpuTopology(sockets=asked.sockets, cores=asked.cores, threads=asked.threads)


def _cells(layout: RequestedLayout, parts: Sequence[ClaimedPart]) -> tuple[WishedCell, ...]:
    places = _places(layout, parts)
    amounts = {part.provider_id: part.amounts for part in parts}
    return tuple(
        WishedCell(
            cpus=cell.cpus,
            memory_mib=cell.memory_mb,
            page_size_kib=_page_size(amounts.get(places[number], {})),
            provider_id=places[number],
        )
        for number, cell in enumerate(layout.cells)
    )


def _places(layout: RequestedLayout, parts: Sequence[ClaimedPart]) -> dict[int, str]:
    """The provider of each cell: of those that give cores or memory the one that gives just what the cell asked.

    Where no part of the host gives any, it has no nodes to tell apart, and the host itself is the place.
    """
    free = {part.provider_id: _given(part) for part in parts if set(part.amounts) & _OF_NODES or _has_pages(part)}
    free = free or {part.provider_id: _given(part) for part in parts if MEMORY in part.amounts}
    found: dict[int, str] = {}
    for exactly in (True, False):
        for number, cell in enumerate(layout.cells):
            wanted = (layout.dedicated_of(number), cell.memory_mb)
            place = next((key for key, given in free.items() if _serves(given, wanted, exactly)), None)
            if number not in found and place is not None:
                found[number] = place
                del free[place]
    return {number: found.get(number, "") for number in range(len(layout.cells))}


_OF_NODES = frozenset({_DEDICATED, _NODE_MEMORY})


def _has_pages(part: ClaimedPart) -> bool:
    return any(page_size_of(name) for name in part.amounts)


def _given(part: ClaimedPart) -> tuple[int, int]:
    """Dedicated cores and memory, in whatever pages."""
    pages = sum(amount for name, amount in part.amounts.items() if page_size_of(name))
    return part.amounts.get(_DEDICATED, 0), pages or part.amounts.get(_NODE_MEMORY) or part.amounts.get(MEMORY, 0)


def _serves(given: tuple[int, int], wanted: tuple[int, int], exactly: bool) -> bool:
    return given == wanted if exactly else all(has >= needs for has, needs in zip(given, wanted, strict=True))


def _page_size(amounts: Mapping[str, int]) -> int:
    return next((size for name in amounts if (size := page_size_of(name))), 0)
