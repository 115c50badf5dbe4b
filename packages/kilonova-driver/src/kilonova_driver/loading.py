"""Find drivers by their entry points; the core imports none of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import cast

from kilonova_driver.driver import CONTRACT_VERSION, Driver
from kilonova_driver.errors import InvalidSpec, Unsupported
from kilonova_driver.types.settings import DriverSettings

GROUP = "kilonova.drivers"
DriverFactory = Callable[[DriverSettings], Driver]


def driver_names() -> tuple[str, ...]:
    """Name the drivers installed beside us, sorted."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP)))


def load_driver(name: str, settings: DriverSettings) -> Driver:
    """Make the driver of that name. Raises InvalidSpec for an unknown name, Unsupported for another contract."""
    points = entry_points(group=GROUP, name=name)
    if not points:
        raise InvalidSpec(f"no driver named {name!r}; installed: {', '.join(driver_names()) or 'none'}")
    factory = cast(DriverFactory, next(iter(points)).load())
    driver = factory(settings)
    contract = driver.capabilities().contract
    if contract[0] != CONTRACT_VERSION[0]:
        raise Unsupported(f"driver {name} speaks contract {contract}, this agent {CONTRACT_VERSION}")
    return driver
