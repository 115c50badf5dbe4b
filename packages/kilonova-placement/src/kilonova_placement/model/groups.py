"""Groups: owners that stand together or apart. A live claim with a group is a membership at its host.

The members of a host are its owners, not its claims: one that moves has two places until the move has ended, and
nobody counts against itself.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class GroupPolicy(StrEnum):
    """``affinity`` and ``anti-affinity`` must hold; the soft ones are only preferred (Compute API, 2.15)."""

    AFFINITY = "affinity"
    ANTI_AFFINITY = "anti-affinity"
    SOFT_AFFINITY = "soft-affinity"
    SOFT_ANTI_AFFINITY = "soft-anti-affinity"

    @property
    def is_hard(self) -> bool:
        return self in (GroupPolicy.AFFINITY, GroupPolicy.ANTI_AFFINITY)


#: The id of a host, the name of an owner, and how many live claims it has there.
Members = dict[str, dict[str, int]]


class GroupUse(msgspec.Struct, kw_only=True):
    """Who of a group stands where. ``generation`` is raised by every claim with this group, and by every release."""

    group_id: str
    generation: int
    members: Members
