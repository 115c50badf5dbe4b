"""What a driver may raise: a closed family with stable codes.

    DriverError
    ├── InvalidSpec      the spec cannot be honoured as written; asking again changes nothing
    ├── Unsupported      the talent or feature is not advertised; illegal for an advertised one
    ├── NoResources      the host lacks memory, disk or a device right now
    ├── GuestNotFound    no such guest here
    ├── Conflict         the guest exists with another immutable part, or its state forbids this
    ├── Stale            the order's generation is older than one already seen
    ├── Transient        try again later
    └── Internal         the driver's own fault; the message says where to look

The agent turns the code into a step's outcome; nothing else may leave a driver.
"""

from __future__ import annotations


class DriverError(Exception):
    """The root of everything a driver raises on purpose."""

    code = "internal"
    #: Whether the same order may succeed when it is given again to the same host.
    retryable = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidSpec(DriverError):
    """The spec cannot be honoured as written."""

    code = "invalid_spec"


class Unsupported(DriverError):
    """The talent or feature is not among those the driver advertises."""

    code = "unsupported"


class NoResources(DriverError):
    """The host lacks what the guest needs, now."""

    code = "no_resources"


class GuestNotFound(DriverError):
    """No guest of that id on this host."""

    code = "guest_not_found"


class Conflict(DriverError):
    """The guest's present state, or a part that cannot change, forbids this."""

    code = "conflict"


class Stale(DriverError):
    """The order's generation is older than one this guest has already obeyed."""

    code = "stale"


class Transient(DriverError):
    """A passing condition; the same order may succeed later."""

    code = "transient"
    retryable = True


class Internal(DriverError):
    """The driver's own fault."""

    code = "internal"


_LEAVES: tuple[type[DriverError], ...] = (
    InvalidSpec,
    Unsupported,
    NoResources,
    GuestNotFound,
    Conflict,
    Stale,
    Transient,
    Internal,
)
#: Every error a driver may raise, by its code: who carries an error over a wire makes it again from here.
FAMILY: dict[str, type[DriverError]] = {kind.code: kind for kind in _LEAVES}
