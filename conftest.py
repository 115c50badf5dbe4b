"""What holds for all tests.

Those that wire guests run one after another, since they look at the whole machine. Those that boot the tiny guest image
find it where ``bin/test`` has built it. Where a machine can run everything, ``bin/test`` takes no skipped test for a
passed one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="session")
def tiny_image_path() -> Path:
    """The tiny guest image."""
    named = os.environ.get("KILONOVA_GUEST_IMAGE")
    if not named:
        pytest.skip("no tiny guest image: bin/test builds it, and names it in KILONOVA_GUEST_IMAGE")
    return Path(named)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that was skipped where nothing may be missing is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("KILONOVA_SKIP_NOTHING") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("Tests were skipped on a machine that can run all of them (bin/test).", red=True)
