"""A claim: amounts of providers that belong to an owner.

        held ──bind──► bound
          │              │
          └──release─────┴──► released      a held claim past ``expires_at`` is released by placement itself

A claim always has an owner. Its id is given by whoever asks, so that asking again finds the same claim. A released
claim holds nothing; it is remembered for a while so that a late repetition of the first question is refused.

A *move* is two claims of one owner: the place it leaves, which is bound, and the place it goes to. Both count until the
move is confirmed (the old one is released, the new one is bound, at once) or reverted (the new one is released).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

ClaimId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9:._-]+$")]


class ClaimState(StrEnum):
    """Where a claim stands."""

    HELD = "held"
    BOUND = "bound"
    RELEASED = "released"


class Owner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose claim it is. ``name`` is opaque to placement: a kind and an id, as ``server:<uuid>``."""

    name: Annotated[str, msgspec.Meta(min_length=3, max_length=255, pattern=r"^[a-z_]+:.+$")]
    project_id: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    user_id: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]

    @property
    def consumer(self) -> str:
        """The id without its kind: the consumer of the Placement API."""
        return consumer_of(self.name)

    @property
    def consumer_type(self) -> str | None:
        """What the Placement API calls owners of this kind; None ("unknown") for its own nameless ones."""
        kind = self.name.partition(":")[0]
        return _CONSUMER_TYPES.get(kind, kind.upper())


def consumer_of(owner: str) -> str:
    """The id in an owner's name."""
    return owner.partition(":")[2]


#: Owners made by ``PUT /allocations``: their type is what the client said, if it said one.
API_KIND = "consumer"
_CONSUMER_TYPES: dict[str, str | None] = {"server": "INSTANCE", API_KIND: None}


class ClaimedAmounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim takes of one provider."""

    provider_id: str
    amounts: dict[str, int]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """``host_id``, ``host`` and ``cell`` are those of the host whose tree gives the amounts.

    ``expires_at``: seconds since the epoch, None for a claim that is not held. ``group_id``: the group it is a member
    of. ``leaves``: the claim that its owner moves away from, also after the move was confirmed.
    """

    claim_id: str
    owner: Owner
    state: ClaimState
    host: str
    cell: str
    host_id: str = ""
    generation: int = 1
    providers: tuple[ClaimedAmounts, ...] = ()
    expires_at: float | None = None
    created_at: float = 0.0
    group_id: str = ""
    leaves: str = ""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """The place an owner leaves and the place it goes to, which names the move by its id.

    It lasts while both are live; it is confirmed when ``leaves`` is released, and reverted when ``goes_to`` is.
    """

    leaves: Claim
    goes_to: Claim
