"""Tests that wire guests look at the whole machine (links, routes, rules): they run one after another."""

from __future__ import annotations

import pytest

#: Those that wire guests without the marker ``network``.
_WIRE_TOO = ("tests/e2e/", "integration/test_real_guests.py", "integration/network/", "test_network.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        wires = any(part in item.path.as_posix() for part in _WIRE_TOO) and "neighbours" not in item.path.as_posix()
        if wires or item.get_closest_marker("network"):
            item.add_marker(pytest.mark.xdist_group("machine-network"))
