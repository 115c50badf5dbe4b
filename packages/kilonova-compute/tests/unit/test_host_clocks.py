"""A wrong clock is told once, when it becomes wrong, and once more when it is right again."""

from __future__ import annotations

import logging

import pytest
from kilonova_compute.model.hosts import Host
from kilonova_compute.reconcilers.host_reports import _tell_clock


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (0.0, 0.5, []),
        (0.0, 60.0, [(logging.WARNING, "the clock of host h1 is off by 60 seconds")]),
        (60.0, 61.0, []),
        (0.0, -60.0, [(logging.WARNING, "the clock of host h1 is off by -60 seconds")]),
        (60.0, 0.0, [(logging.INFO, "the clock of host h1 is right again")]),
    ],
)
def test_a_clock_is_told_when_it_changes_sides(
    before: float, now: float, told: list[tuple[int, str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kilonova_compute.reconcilers.host_reports")
    _tell_clock(Host(id="1", name="h1", cell="cell1", clock_skew=now), before)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == told
