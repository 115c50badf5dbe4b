"""The NUMA nodes of a server: as they were asked for, on the nodes that its claim holds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from kilonova_messages.providers import provider_id
from kilonova_messages.wishes import WishedCell, WishedLayout

from kilonova_compute.actions.guest_layouts import requested_layout, wished_layout
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.servers import Server

#: More nodes than any machine has.
_MOST_NODES = 256


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a guest. ``siblings``: its vCPUs by core, where cores have threads. ``host_node``: the machine's."""

    cpus: tuple[int, ...]
    memory_mib: int
    page_size_kib: int = 0
    siblings: tuple[tuple[int, ...], ...] = ()
    host_node: int | None = None


async def nodes_of(compute: Compute, server: Server) -> list[Node]:
    """None for a server that was not laid out, or that holds nothing of a host. Raises NotFound, Unavailable."""
    layout = requested_layout(server)
    if layout is None or not layout.cells or not server.claim_id or not server.host_id:
        return []
    wished = wished_layout(layout, await compute.placement.parts_of(server.claim_id))
    return [_node(cell, wished, server.host_id) for cell in wished.cells]


def _node(cell: WishedCell, layout: WishedLayout, host_id: str) -> Node:
    threads = layout.topology.threads if layout.topology else 1
    return Node(
        cpus=cell.cpus,
        memory_mib=cell.memory_mib,
        page_size_kib=cell.page_size_kib,
        siblings=_by_core(cell.cpus, threads),
        host_node=_host_node(cell.provider_id, host_id),
    )


def _by_core(cpus: Sequence[int], threads: int) -> tuple[tuple[int, ...], ...]:
    """The vCPUs of each core; none where every vCPU is a core."""
    if threads == 1:
        return ()
    return tuple(tuple(cpus[first : first + threads]) for first in range(0, len(cpus), threads))


def _host_node(provider: str, host_id: str) -> int:
    """The number of a node by its provider (docs/decisions/0011); 0 on a host with no nodes to tell apart."""
    if provider in ("", host_id):
        return 0
    return next((one for one in range(_MOST_NODES) if provider_id(host_id, f"NUMA{one}") == provider), 0)
