"""What can go wrong on the bus.

BusError
 ├─ BusDown          not connected (in time); whether a request was received before that is unknown
 ├─ BusTimeout       connected, but no answer within the time given; the same uncertainty
 ├─ NoResponders     the server knows that nobody listens there: nothing happened
 ├─ BusRefused       these credentials may not do that: nothing happened
 ├─ MessageTooLarge  longer than the server takes: nothing was sent
 └─ BusServerFailed  the child nats-server does not start
"""

from __future__ import annotations


class BusError(Exception):
    """The root of the family."""


class BusDown(BusError):
    """The bus cannot be reached, or was lost before an answer came."""


class BusTimeout(BusError):
    """No answer came in time."""


class NoResponders(BusError):
    """Nobody listens on that subject."""


class BusRefused(BusError):
    """The server refuses that subject to these credentials."""


class MessageTooLarge(BusError):
    """The message is longer than the server accepts."""


class BusServerFailed(BusError):
    """The child nats-server could not be started, or another process runs it already."""
