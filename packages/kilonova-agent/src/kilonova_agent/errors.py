"""What goes wrong in an agent, and how it is told to the controller.

    AgentError            the agent cannot start; the message says what to do
    StepFailure           a step failed: a stable code, a message for people, whether asking again may help
    ├── ImageRefused      ``image``: the bytes are not what was promised, or nobody gives them
    ├── DiskFull          ``disk_full``: the host has no room
    └── NetworkFailed     ``network``: a port could not be wired

Everything else that leaves a step is turned into these codes here: a driver's error keeps its own code, a full disk is
``disk_full`` wherever it was met, the rest is ``internal`` and is logged with its traceback by who catches it.
"""

from __future__ import annotations

import errno

from kilonova_driver.errors import DriverError
from kilonova_messages.steps import StepError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class AgentError(Exception):
    """The agent cannot do its work on this machine; the message says why."""


class StepFailure(Exception):
    """A step failed for a known reason."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class ImageRefused(StepFailure):
    """The image is not what it should be, or is not given to this host."""

    def __init__(self, message: str) -> None:
        super().__init__("image", message)


class DiskFull(StepFailure):
    """The host has no room left."""

    def __init__(self, message: str) -> None:
        super().__init__("disk_full", message)


class NetworkFailed(StepFailure):
    """A port could not be wired or unwired."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__("network", message, retryable=retryable)


def is_disk_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL


def as_step_error(error: BaseException) -> StepError | None:
    """The error as the controller hears it; None for one that nobody foresaw."""
    if isinstance(error, StepFailure | DriverError):
        return StepError(code=error.code, message=error.message, retryable=error.retryable)
    if is_disk_full(error):
        return StepError(code="disk_full", message=f"the host's disk is full: {error}")
    return None
