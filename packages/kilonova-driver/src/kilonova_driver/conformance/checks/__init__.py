"""The rules of the contract, one small function each; its docstring is the rule in a sentence.

Add a check by writing the function in the file of its kind, naming it in that file's ``CHECKS``, and proving it: the
kit's own tests demand a deliberately broken driver that it catches.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from kilonova_driver.conformance.bench import Bench
from kilonova_driver.conformance.checks import (
    building,
    crowds,
    hosts,
    layouts,
    orders,
    power,
    removal,
    survival,
    talents,
    watching,
)


class Check(Protocol):
    """A named rule. Returns when the driver keeps it; raises CheckFailed or NotApplicable otherwise."""

    __name__: str

    def __call__(self, bench: Bench) -> Awaitable[None]: ...


#: Every check, in the order in which a person would try things.
ALL: tuple[Check, ...] = (
    *hosts.CHECKS,
    *building.CHECKS,
    *layouts.CHECKS,
    *power.CHECKS,
    *talents.CHECKS,
    *watching.CHECKS,
    *orders.CHECKS,
    *removal.CHECKS,
    *survival.CHECKS,
    *crowds.CHECKS,
)
