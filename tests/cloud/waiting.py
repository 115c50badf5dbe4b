"""Wait for a state, never for a time: every wait says what it waited for when it gives up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Long, because a busy machine is not an error; whoever waits goes on as soon as it is so.
PATIENCE_SECONDS = 90.0
_LOOK_AGAIN_SECONDS = 0.03


class WaitedInVain(AssertionError):
    """What was waited for did not come; the message says what, and what was seen last."""


def wait_until(what: str, look: Callable[[], T | None], *, within: float = PATIENCE_SECONDS) -> T:
    """Look again and again until the answer is true, and return it. Raises WaitedInVain."""
    give_up = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > give_up:
            raise WaitedInVain(f"waited {within:.0f} s in vain: {what}; seen last: {seen!r}")
        time.sleep(_LOOK_AGAIN_SECONDS)
