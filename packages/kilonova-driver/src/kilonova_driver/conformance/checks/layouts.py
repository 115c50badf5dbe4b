"""Layouts: what a driver advertises it gives, and a guest keeps what it sees of itself while it runs."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from kilonova_driver.conformance.bench import MEMORY_MIB, Bench
from kilonova_driver.conformance.verdicts import NotApplicable, refused, require_power, require_untouched
from kilonova_driver.driver import Driver, PowerTarget
from kilonova_driver.errors import Conflict, InvalidSpec
from kilonova_driver.types.guests import CpuLayout, CpuPin, CpuTopology, Feature, Guest, GuestCell, GuestSpec, Power

_SHAPE = CpuTopology(sockets=1, cores=2)
_CELLS = tuple(GuestCell(cpus=(cpu,), memory_mib=MEMORY_MIB // 2) for cpu in (0, 1))


async def every_advertised_layout_is_given(bench: Bench) -> None:
    """A guest runs with each kind of layout that the driver says it can give, and with all of them together."""
    driver = await bench.driver()
    wanted = await _layouts(bench, driver)
    for layout in wanted.values():
        require_power(await _built(bench, driver, _spec(bench, layout)), Power.ON, f"with {layout}")
    together = CpuLayout()
    for layout in wanted.values():
        together = msgspec.structs.replace(together, **_said(layout))
    require_power(await _built(bench, driver, _spec(bench, together)), Power.ON, f"with {together}")


async def a_layout_that_is_not_the_guests_is_refused(bench: Bench) -> None:
    """A topology of other processors, and cells that miss one, or memory, are InvalidSpec."""
    driver = await bench.driver()
    wanted = await _layouts(bench, driver)
    wrong = {
        Feature.CPU_TOPOLOGY: CpuLayout(topology=CpuTopology(sockets=3)),
        Feature.NUMA: CpuLayout(cells=_CELLS[:1]),
        Feature.PINNING: CpuLayout(pins=(CpuPin(cpu=2, host_cpus=(0,)),)),
    }
    for feature, layout in wrong.items():
        if feature in wanted:
            await refused(f"building with {layout}", _built(bench, driver, _spec(bench, layout)), InvalidSpec)


async def a_running_guest_keeps_what_it_sees_of_itself(bench: Bench) -> None:
    """Another topology, or other cells, for a running guest are a Conflict; other pins touch nothing of it."""
    driver = await bench.driver()
    wanted = await _layouts(bench, driver)
    plain = _spec(bench, CpuLayout())
    first = await _built(bench, driver, plain)
    for feature, layout in wanted.items():
        changed = msgspec.structs.replace(plain, layout=layout)
        if feature is Feature.PINNING:
            require_untouched(first, await _built(bench, driver, changed), "with other pins")
        else:
            await refused(f"changing to {layout}", _built(bench, driver, changed), Conflict)


def _spec(bench: Bench, layout: CpuLayout) -> GuestSpec:
    return bench.spec(vcpus=2, memory_mib=MEMORY_MIB, layout=layout)


def _built(bench: Bench, driver: Driver, spec: GuestSpec) -> Awaitable[Guest]:
    return driver.ensure_guest(bench.order(), spec, PowerTarget.ON)


def _said(layout: CpuLayout) -> dict[str, object]:
    return {field: value for field in layout.__struct_fields__ if (value := getattr(layout, field))}


async def _layouts(bench: Bench, driver: Driver) -> dict[Feature, CpuLayout]:
    """A layout for each feature of the driver that needs nothing special of its host."""
    nodes = (await driver.inventory()).nodes
    first = nodes[0].cpus[0] if nodes and nodes[0].cpus else 0
    known = {
        Feature.CPU_TOPOLOGY: CpuLayout(topology=_SHAPE),
        Feature.NUMA: CpuLayout(cells=_CELLS),
        Feature.PINNING: CpuLayout(pins=(CpuPin(cpu=1, host_cpus=(first,)),), emulator_cpus=(first,)),
    }
    found = {feature: layout for feature, layout in known.items() if feature in bench.capabilities.features}
    if not found:
        raise NotApplicable("the driver advertises no feature of layouts")
    return found


CHECKS = (
    every_advertised_layout_is_given,
    a_layout_that_is_not_the_guests_is_refused,
    a_running_guest_keeps_what_it_sees_of_itself,
)
