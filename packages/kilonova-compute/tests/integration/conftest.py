"""A control plane for conversations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from compute_world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Two cells beside cell0, three hosts, nobody's server."""
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()
