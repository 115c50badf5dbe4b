"""What the kit and a driver in another process say to each other: JSON, one message per line, over a socket pair.

First the settings go down and the capabilities come up; then calls and answers, in any order, matched by number.
"""

from __future__ import annotations

import msgspec

from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.types.guests import Guest, GuestSpec
from kilonova_driver.types.orders import Order

#: A line may carry many handles of 64 KiB each.
LINE_LIMIT = 64 * 1024 * 1024

#: The type of each argument, and of the answer, of every call that crosses.
METHODS: dict[str, tuple[tuple[type, ...], object]] = {
    "list_guests": ((), tuple[Guest, ...]),
    "get_guest": ((str,), Guest),
    "ensure_guest": ((Order, GuestSpec, PowerTarget), Guest),
    "set_power": ((Order, str, PowerTarget, Mode, float), Guest),
    "reboot": ((Order, str, Mode, float), Guest),
    "remove_guest": ((Order, str), None),
    "console_log": ((str, int), bytes),
    "pause": ((Order, str), Guest),
    "unpause": ((Order, str), Guest),
    "kill_guest_for_check": ((str,), None),
    "close": ((), None),
}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call to the driver."""

    number: int
    method: str
    arguments: list[msgspec.Raw]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What it returned, or (``error`` is not empty) raised: a code of the family, or ``outside`` for anything else."""

    number: int
    value: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    message: str = ""
