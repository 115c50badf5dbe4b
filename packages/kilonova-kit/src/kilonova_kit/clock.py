"""Time as a parameter: services take a ``Clock``, so that a test may move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Seconds since the epoch (UTC)."""

    def __call__(self) -> float: ...


def system_clock() -> float:
    return time.time()


def iso_seconds(moment: float) -> str:
    """``2026-11-20T22:53:00Z``: the form of the compute, image and network APIs."""
    return datetime.fromtimestamp(moment, UTC).isoformat()[:19] + "Z"  # strftime takes eight times as long


def iso_micros(moment: float) -> str:
    """``2026-11-20T22:53:00.000000``: the form of instance actions and of services' ``updated_at``."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")[:26]


def parse_iso(text: str) -> float:
    """Read an ISO 8601 time; one without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
