"""Clouds for tests: one that is shared by all tests that leave it as it was, and clouds of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cloud.simulated import SimulatedCloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedCloud]:
    """Two live cells with two hosts each. Tests that use it clean up their servers and disturb nobody."""
    with SimulatedCloud(tmp_path_factory.mktemp("cloud"), hosts=4, cells=2) as running:
        yield running


@pytest.fixture
def make_cloud(tmp_path: Path) -> Iterator[Callable[..., SimulatedCloud]]:
    """A cloud of one's own, that may be hurt: ``make_cloud(hosts=2)``. All end with the test."""
    with ExitStack() as stack:
        number = 0

        def make(**given: Any) -> SimulatedCloud:
            nonlocal number
            number += 1
            return stack.enter_context(SimulatedCloud(tmp_path / f"{number}", **given))

        yield make
