"""Bodies of the native API that hold more than one of the model's types: the client sends them, the edge reads them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from kilonova_placement.model.claims import Claim, ClaimId, Move, Owner
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.providers import ProviderUse
from kilonova_placement.model.requests import Request

HeldSeconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class ClaimQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One claim per id, all alike, all or none. ``owners``: one for all of them, or one for each."""

    request: Request
    owners: Annotated[tuple[Owner, ...], msgspec.Meta(min_length=1, max_length=1000)]
    claim_ids: Annotated[tuple[ClaimId, ...], msgspec.Meta(min_length=1, max_length=1000)]
    held_seconds: HeldSeconds | None = None


class ExplainQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What would happen to ``count`` alike, now. ``owner``: who does not count against itself in the group."""

    request: Request
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    owner: Annotated[str, msgspec.Meta(max_length=255)] = ""


class MoveQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Choose a new place for the owner of the bound claim ``leaves``, and hold it as ``goes_to``, an id of your own.

    ``elsewhere``: not on the host that it leaves. Its own place does not count against it in a group.
    """

    request: Request
    leaves: ClaimId
    goes_to: ClaimId
    held_seconds: HeldSeconds | None = None
    elsewhere: bool = False


class Renewal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Hold it for so long from now; without a number for as long as a new claim is held."""

    held_seconds: HeldSeconds | None = None


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """A page of claims, in the order of their ids; ``next_marker`` is empty on the last one."""

    claims: tuple[Claim, ...]
    next_marker: str = ""


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """A page of open moves, in the order of the ids of the claims they go to."""

    moves: tuple[Move, ...]
    next_marker: str = ""


class Providers(msgspec.Struct, frozen=True, kw_only=True):
    """Every provider, by name."""

    providers: tuple[ProviderUse, ...]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of live claims per resource class. ``moving``: that part of them which owners are about to leave."""

    usage: dict[str, int]
    moving: dict[str, int] = {}


class RefusalError(msgspec.Struct, frozen=True, kw_only=True):
    """The refusal in the form of the Placement API's errors."""

    status: int
    title: str
    detail: str
    code: str
    request_id: str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a 409 that says why nothing was found. ``detail`` is redacted; ``explanation`` is not."""

    errors: tuple[RefusalError, ...]
    explanation: Explanation
