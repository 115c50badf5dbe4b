"""The whole layout that a flavor and an image ask for."""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_compute.model.cannot_honour import CannotHonour
from kilonova_compute.model.cells_of_flavors import Said, cells_of, cores_of, page_size_of
from kilonova_compute.model.cpu_topologies import topology_of
from kilonova_compute.model.layouts import RequestedCell, RequestedLayout

#: More than any hypervisor gives one guest.
_MOST_VCPUS = 4096
_NAMES = ("hw:", "hw_cpu_", "hw_numa_", "hw_mem_page_size", "resources:PCPU")


def layout_of(vcpus: int, ram: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> RequestedLayout | None:
    """None where all is left to the host. Raises CannotHonour."""
    _check_size(vcpus, specs, properties)
    said = Said(specs, properties)
    cores, page_size = cores_of(vcpus, said), page_size_of(said)
    cells = cells_of(vcpus, ram, said, cores, page_size)
    _check_pages(page_size, cells)
    layout = RequestedLayout(
        topology=topology_of(vcpus, specs, properties),
        cells=cells,
        page_size=page_size,
        thread_policy=cores.thread_policy,
        emulator_threads=cores.emulator_threads,
    )
    return None if layout == RequestedLayout() else layout


def _check_size(vcpus: int, specs: Mapping[str, str], properties: Mapping[str, str]) -> None:
    """Every vCPU is looked at, and a flavor may say any number."""
    said = [name for name in (*specs, *properties) if name.startswith(_NAMES)]
    if vcpus > _MOST_VCPUS and said:
        raise CannotHonour(f"{sorted(said)[0]} cannot be honoured for {vcpus} vCPUs: it may be {_MOST_VCPUS} at most.")


def _check_pages(page_size: str, cells: tuple[RequestedCell, ...]) -> None:
    if not page_size.isdigit():
        return
    for cell in cells:
        if cell.memory_mb * 1024 % int(page_size):
            raise CannotHonour(f"{cell.memory_mb} MB of memory cannot be made of whole pages of {page_size} KiB.")
