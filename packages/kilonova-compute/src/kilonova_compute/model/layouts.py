"""How a guest's processors and memory are to be laid out, as it was asked for: topology, NUMA cells, pages, own cores.

A guest that wants cores of its own or huge pages has one cell at least, as in nova: they are of some node.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

#: Huge pages of the kinds of processors that hosts have, the largest first, in KiB.
LARGE_PAGES = (1048576, 2048)
ORDINARY_PAGE_KIB = 4
_PAGES = "CUSTOM_MEMORY_PAGES_"
_KB = "KB"
MEMORY = "MEMORY_MB"


class RequestedTopology(msgspec.Struct, frozen=True, kw_only=True):
    """What the guest sees: ``sockets * cores * threads`` vCPUs."""

    sockets: int
    cores: int
    threads: int


class RequestedCell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A NUMA node of the guest: vCPUs by number, memory in MiB. ``dedicated``: those with a core of their own."""

    cpus: tuple[int, ...]
    memory_mb: Annotated[int, Meta(ge=1)]
    dedicated: tuple[int, ...] = ()


class RequestedLayout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``page_size``: nothing for ordinary pages, ``large``, ``any``, or KiB. None of it said: all is left to the host.

    ``emulator_threads``: ``isolate`` asks for one more core, at the first cell; ``share`` for the host's shared ones.
    """

    topology: RequestedTopology | None = None
    cells: tuple[RequestedCell, ...] = ()
    page_size: Annotated[str, Meta(pattern="^(large|any|[1-9][0-9]{0,9})?$")] = ""
    thread_policy: Annotated[str, Meta(pattern="^(prefer|isolate|require)?$")] = ""
    emulator_threads: Annotated[str, Meta(pattern="^(share|isolate)?$")] = ""

    @property
    def dedicated(self) -> tuple[int, ...]:
        """Every vCPU with a core of its own."""
        return tuple(sorted(cpu for cell in self.cells for cpu in cell.dedicated))

    @property
    def memory_classes(self) -> tuple[str, ...]:
        """The resource classes that may give the cells' memory, the best first."""
        large = tuple(pages_class(size) for size in LARGE_PAGES)
        return {"": (MEMORY,), "large": large, "any": (*large, MEMORY)}.get(self.page_size) or (
            pages_class(int(self.page_size)),
        )

    def dedicated_of(self, number: int) -> int:
        """How many dedicated cores a cell claims, with the emulator's."""
        extra = 1 if number == 0 and self.emulator_threads == "isolate" else 0
        return len(self.cells[number].dedicated) + extra


def pages_class(size_kib: int) -> str:
    """The resource class of huge pages of a size (docs/decisions/0011)."""
    return f"{_PAGES}{size_kib}{_KB}"


def page_size_of(resource_class: str) -> int:
    """The KiB of its pages; 0 for a class that is no huge pages."""
    size = resource_class.removeprefix(_PAGES).removesuffix(_KB)
    return int(size) if resource_class.startswith(_PAGES) and size.isdigit() else 0
