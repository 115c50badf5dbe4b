"""What comes out of a check, and the words that checks use to judge.

A check that returns has passed. It fails with CheckFailed, or with whatever else leaves it: an error of the driver's
family that was not expected, or (worse) one outside the family.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Awaitable, Callable

import msgspec

from kilonova_driver.errors import DriverError, GuestNotFound
from kilonova_driver.types.guests import Guest, Power


class Outcome(enum.StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One check's end: its name, the rule as a sentence, and for a failure what was seen instead."""

    name: str
    sentence: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0


class CheckFailed(Exception):
    """The driver does not do what the rule says; the message tells what it did."""


class NotApplicable(Exception):
    """The rule is about something that this driver, or this run, does not have; the message tells what."""


class DriverDied(CheckFailed):
    """The driver's process ended in the middle of a call."""


def require(truth: bool, otherwise: str) -> None:
    """Fail the check unless the condition holds; ``otherwise`` says what was seen."""
    if not truth:
        raise CheckFailed(otherwise)


async def refused(what: str, call: Awaitable[object], *kinds: type[DriverError]) -> None:
    """Await a call that must raise one of these errors; errors outside the family pass through."""
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        answer = await call
    except kinds:
        return
    except DriverError as error:
        raise CheckFailed(f"{what} raised {type(error).__name__} ({error}), not {names}") from error
    raise CheckFailed(f"{what} was answered with {answer!r}, not refused with {names}")


async def gone(what: str, call: Awaitable[object]) -> None:
    """Await a call about a guest that must not be there."""
    await refused(what, call, GuestNotFound)


def require_power(guest: Guest, power: Power, when: str) -> None:
    require(guest.power is power, f"{when} the guest is {guest.power} ({guest.reason or 'no reason'}), not {power}")


def require_untouched(before: Guest, after: Guest, when: str) -> None:
    """The guest has neither changed its power nor been started anew."""
    require_power(after, before.power, when)
    require(before.started_at == after.started_at, f"{when} the guest was started anew")


async def eventually(what: str, truth: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Look again and again until it is so, and fail the check when it does not come."""
    end = time.monotonic() + seconds
    while not await truth():
        require(time.monotonic() < end, f"{what} did not come within {seconds} s")
        await asyncio.sleep(0.02)
