"""Times that a wrong clock does not spoil.

A deadline is told together with the moment at which it was sent, both by the controller's clock: only the difference
counts here. The same two numbers tell how far the two clocks are apart, for times that the controller compares with
its own.
"""

from __future__ import annotations

import time

from kilonova_messages.steps import StepRequest


class ControllerClock:
    """The controller's time, as far as its questions tell; until the first one, this host's own."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def heard(self, request: StepRequest) -> None:
        self._ahead = request.sent_at - time.time()

    def now(self) -> float:
        return time.time() + self._ahead


def seconds_left(request: StepRequest) -> float | None:
    """How long the request is worth working on; None: for ever."""
    return request.deadline - request.sent_at if request.deadline else None
