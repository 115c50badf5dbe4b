"""What holds for all tests: those that wire guests run one after another, since they look at the whole machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

#: Those that wire guests without the marker ``network``.
_WIRE_TOO = ("tests/e2e/", "integration/test_real_guests.py", "integration/network/", "test_network.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        wires = any(part in item.path.as_posix() for part in _WIRE_TOO) and "neighbours" not in item.path.as_posix()
        if wires or item.get_closest_marker("network"):
            item.add_marker(pytest.mark.xdist_group("machine-network"))


@pytest.fixture(autouse=True)
def _kept_umask() -> Iterator[None]:
    """Commands that are tried in this process narrow its umask, which the next test's programs would inherit."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
