"""A host: a machine with an agent, in one cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

#: A host that has been silent for longer than this many seconds is down.
DOWN_AFTER_SECONDS = 45.0
#: A host that boasts of more images than this must not fill placement's index.
MOST_IMAGES = 128
_IMAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A host as its cell knows it. ``capabilities`` and ``inventory`` are the agent's own report, as plain data."""

    id: str
    name: str
    cell: str
    number: int = 0  # the old integer id of services and hypervisors
    joined_at: float = 0.0
    heard_at: float = 0.0
    started_at: float = 0.0
    boot_id: str = ""
    agent_version: str = ""
    address: str = ""
    clock_skew: float = 0.0
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False
    zone: str = "nova"
    capabilities: dict[str, Any] = {}
    inventory: dict[str, Any] = {}

    def is_up(self, now: float) -> bool:
        return not self.forced_down and now - self.heard_at <= DOWN_AFTER_SECONDS

    def usable(self, resource_class: str) -> int:
        """How much of a divisible resource guests may have, by the host's own report."""
        pools = self.inventory.get("pools", ())
        return next((pool["total"] - pool["reserved"] for pool in pools if pool["resource_class"] == resource_class), 0)

    def total(self, resource_class: str) -> int:
        """How much of a divisible resource the host has, its parts included, by its own report."""
        places = (self.inventory, *self.inventory.get("parts", ()))
        pools = (pool for place in places for pool in place.get("pools", ()))
        return sum(pool["total"] for pool in pools if pool["resource_class"] == resource_class)


def believable_images(reported: Sequence[str]) -> tuple[str, ...]:
    """The ids of images that a host may say it has: those that can be some, and so many."""
    return tuple(sorted({image_id for image_id in reported if _IMAGE_ID.fullmatch(image_id)})[:MOST_IMAGES])
