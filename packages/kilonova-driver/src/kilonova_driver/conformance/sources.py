"""Where a driver to be checked comes from: an installed one by its name, or a callable by its place.

``fake`` is an entry point's name; ``package.module:make_driver`` and ``/a/path/driver.py:make_driver`` are places. A
text rather than a callable, since a driver in a process of its own is found there again by it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

from kilonova_driver.driver import Driver
from kilonova_driver.errors import InvalidSpec
from kilonova_driver.loading import DriverFactory, load_driver
from kilonova_driver.types.settings import DriverSettings


def open_driver(source: str, settings: DriverSettings) -> Driver:
    """Make the driver, not started. Raises InvalidSpec when there is none."""
    place, colon, attribute = source.rpartition(":")
    if not colon:
        return load_driver(source, settings)
    module = module_of_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    return cast(DriverFactory, getattr(module, attribute))(settings)


def module_of_file(path: Path) -> ModuleType:
    name = f"kilonova_checked_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidSpec(f"no Python file: {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
