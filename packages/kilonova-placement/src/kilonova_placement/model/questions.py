"""Bodies of the native API that hold more than one of the model's types: the client sends them, the edge reads them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from kilonova_placement.model.claims import Claim, ClaimId, Owner
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
    """What would happen to ``count`` alike, now."""

    request: Request
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class Renewal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Hold it for so long from now; without a number for as long as a new claim is held."""

    held_seconds: HeldSeconds | None = None


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """A page of claims, in the order of their ids; ``next_marker`` is empty on the last one."""

    claims: tuple[Claim, ...]
    next_marker: str = ""


class Providers(msgspec.Struct, frozen=True, kw_only=True):
    """Every provider, by name."""

    providers: tuple[ProviderUse, ...]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of live claims per resource class."""

    usage: dict[str, int]


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
