"""What is said about a host beside what it has to give: where it can be reached, what operators say of it, its record.

``labels`` are words about a host (``rack``: ``r7``) that a request's terms speak about; a key may have several values,
as a host in several aggregates has. ``only_for`` turns it round: the host takes only requests that carry every one of
these marks. Failures of builds count half as much after ``FAILURE_HALF_LIFE`` seconds, and so on.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec

from kilonova_placement.model.requests import Name

Limit = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
#: Values of one host, by key.
Labels = dict[Name, tuple[Name, ...]]
#: By the name of a weigher.
Multipliers = dict[Name, float]

FAILURE_HALF_LIFE = 1800.0


class Attributes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``failures`` is the decayed number of failed builds as it was at ``failed_at`` (seconds since the epoch).

    ``address``: one that is no IP address is in no network. ``images`` are ids of images that the host has at hand.
    ``multipliers`` count for this host instead of the general ones. ``most_guests`` and ``most_arriving`` (claims made
    within the last minute) are limits; 0 is the general limit.
    """

    address: str = ""
    images: tuple[str, ...] = ()
    hypervisor_version: int = 0
    labels: dict[str, tuple[str, ...]] = {}
    only_for: tuple[str, ...] = ()
    multipliers: dict[str, float] = {}
    most_guests: int = 0
    most_arriving: int = 0
    failures: float = 0.0
    failed_at: float = 0.0

    def failures_now(self, now: float) -> float:
        """The failures as they count now."""
        return decayed(self.failures, now - self.failed_at)


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a change or a report may say about a host's attributes. None leaves what is there; the rest are whole sets.

    ``failed_builds``: so many more builds have failed on it just now; 0 forgets all failures.
    """

    address: Name | None = None
    images: tuple[Name, ...] | None = None
    hypervisor_version: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    labels: Labels | None = None
    only_for: tuple[Name, ...] | None = None
    multipliers: Multipliers | None = None
    most_guests: Limit | None = None
    most_arriving: Limit | None = None
    failed_builds: Limit | None = None


def decayed(failures: float, seconds: float) -> float:
    """What is left of them after so long."""
    return failures * math.pow(0.5, max(0.0, seconds) / FAILURE_HALF_LIFE)


def said_of(known: Attributes, said: Said, now: float) -> Attributes:
    """The attributes with everything replaced that is said."""
    values = {name: value for name, value in msgspec.structs.asdict(said).items() if value is not None}
    failed = values.pop("failed_builds", None)
    for name in ("images", "only_for"):
        if name in values:
            values[name] = tuple(sorted(set(values[name])))
    if "labels" in values:
        values["labels"] = {key: tuple(sorted(set(some))) for key, some in sorted(values["labels"].items()) if some}
    if failed == 0:
        values.update(failures=0.0, failed_at=0.0)
    elif failed is not None:
        values.update(failures=known.failures_now(now) + failed, failed_at=now)
    return msgspec.structs.replace(known, **values)
