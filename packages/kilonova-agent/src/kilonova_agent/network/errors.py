"""What the host network may raise.

NetworkError
├── HostUnfit      the machine lacks something (a tool, a kernel feature, a right); the message says what
└── WiringFailed   this request failed; asking again is always safe
"""

from __future__ import annotations


class NetworkError(Exception):
    """The root of what the host network raises on purpose."""

    code = "network_error"
    retryable = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class HostUnfit(NetworkError):
    """The machine lacks something that no repetition brings."""

    code = "host_unfit"
    retryable = False


class WiringFailed(NetworkError):
    """A request could not be carried out now."""

    code = "wiring_failed"
