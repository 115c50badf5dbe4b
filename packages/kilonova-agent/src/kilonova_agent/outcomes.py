"""How operations ended, so that a repeated question gets the same answer and never a second effect.

Kept in memory for an hour; beyond that, and over a restart, the guest's record knows of its last one.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from kilonova_messages.steps import StepReport

KEEP_SECONDS = 3600.0
MOST = 20_000


class Outcomes:
    """Operation id -> its final report, oldest first. ``clock`` never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ended: OrderedDict[str, tuple[float, StepReport]] = OrderedDict()

    def keep(self, report: StepReport) -> None:
        now = self._clock()
        self._ended[report.operation_id] = (now, report)
        while self._ended:
            at, _ = next(iter(self._ended.values()))
            if now - at <= KEEP_SECONDS and len(self._ended) <= MOST:
                return
            self._ended.popitem(last=False)

    def get(self, operation_id: str) -> StepReport | None:
        found = self._ended.get(operation_id)
        return found[1] if found else None
