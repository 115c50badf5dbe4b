"""What the hints of a create request ask for, as parts of its request.

Nova's own hints mean here what its filters make of them; hints with the prefix ``kilonova:`` are ours. Any other may
mean something to somebody else, and passes, as the public API says. ``docs/scheduler-hints.md`` tells users.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from kilonova_kit.errors import BadRequest
from kilonova_kit.http.identity import Identity

from kilonova_compute.app import server_groups
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.requests import RequestedGroup

PREFERRED_TRAITS = "kilonova:preferred_traits"
PRIORITY = "kilonova:priority"

_TRAIT = re.compile(r"[A-Z][A-Z0-9_]{0,254}")
_PRIORITY = re.compile(r"-?\d{1,4}")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of ``ServerRequest`` with the same names."""

    group: RequestedGroup | None = None
    preferred_traits: tuple[str, ...] = ()
    priority: int = 0


NOTHING = Asked()


async def asked(compute: Compute, identity: Identity, hints: Mapping[str, Sequence[str]]) -> Asked:
    """Translate. Raises BadRequest for a hint that makes no sense."""
    group_id = _one(hints, "group")
    return Asked(
        group=await server_groups.requested(compute, identity, group_id) if group_id else None,
        preferred_traits=_preferred_traits(hints),
        priority=_priority(hints),
    )


def _one(hints: Mapping[str, Sequence[str]], name: str) -> str:
    values = hints.get(name, ())
    if len(values) > 1:
        raise BadRequest(f"Invalid input for field/attribute {name}. Value: {list(values)}. Give one.")
    return values[0] if values else ""


def _preferred_traits(hints: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Names with commas between them, or a list of such."""
    given = [name.strip() for text in hints.get(PREFERRED_TRAITS, ()) for name in text.split(",")]
    for name in given:
        if not _TRAIT.fullmatch(name):
            raise BadRequest(f"The hint {PREFERRED_TRAITS} cannot be honoured: {name!r} is no name of a trait.")
    return tuple(sorted(set(given)))


def _priority(hints: Mapping[str, Sequence[str]]) -> int:
    text = _one(hints, PRIORITY)
    if text and not _PRIORITY.fullmatch(text):
        raise BadRequest(f"The hint {PRIORITY}={text} cannot be honoured: it is a whole number from -9999 to 9999.")
    return int(text or 0)
