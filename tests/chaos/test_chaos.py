"""A short storm with a fixed seed; ``just chaos`` does long ones, with real guests too."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos.chaos import Plan, run


@pytest.mark.timeout(400)
def test_nothing_is_lost_and_nothing_is_left_over_when_everything_is_killed(tmp_path: Path) -> None:
    outcome = run(Plan(seconds=12.0, servers=50, seed=2031, users=4, hosts=4, kill_every=0.8), tmp_path)
    print(outcome.words())
    assert outcome.problems == []
    assert sum(outcome.kills.values()) > 0
    assert outcome.deeds.get("create taken", 0) >= 40
