"""Who waits for the ledger's next round: questions for claims, releases, changes of providers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from kilonova_kit.errors import Conflict

from kilonova_placement.deciding.choosing import Placement
from kilonova_placement.deciding.index import Part
from kilonova_placement.model.claims import Claim, ClaimState, Owner
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.requests import Request

T = TypeVar("T")


class Waiting(Protocol):
    """Somebody with a future."""

    @property
    def future(self) -> asyncio.Future[Any]: ...


@dataclass(slots=True, frozen=True)
class Question:
    """A request for claims, one per id and owner, all or none."""

    request: Request
    owners: tuple[Owner, ...]
    claim_ids: tuple[str, ...]
    held_seconds: float


@dataclass(slots=True)
class Asked:
    """A question that waits for its answer."""

    question: Question
    future: asyncio.Future[tuple[Claim, ...]]
    rounds: int = 0
    refusal: Explanation | None = None
    placements: list[Placement] = field(default_factory=list)
    claims: tuple[Claim, ...] = ()

    @property
    def parts(self) -> list[Part]:
        return [part for placement in self.placements for part in placement.parts]


@dataclass(slots=True)
class Change(Generic[T]):
    """A transaction about providers that waits; ``touched`` are read again after it."""

    transaction: Callable[[Any], T]
    touched: Collection[str]
    future: asyncio.Future[T]


@dataclass(slots=True)
class Release:
    """Claims to let go; ``by``: only those held ones that had expired by then."""

    claim_ids: Sequence[str]
    by: float | None
    future: asyncio.Future[set[str]]


def answer(waiting: Asked, existing: Mapping[str, Claim]) -> None:
    """Answer a repeated question with the claims it made the first time."""
    if waiting.future.done():
        return
    found = [existing.get(claim_id) for claim_id in waiting.question.claim_ids]
    claims = tuple(claim for claim in found if claim is not None)
    if len(claims) < len(found) or any(
        claim.owner != owner for claim, owner in zip(claims, waiting.question.owners, strict=True)
    ):
        fail(
            waiting.future,
            Conflict("some of these claim ids are in use by another claim", kind="placement.claim_id_in_use"),
        )
    elif any(claim.state is ClaimState.RELEASED for claim in claims):
        fail(
            waiting.future,
            Conflict("this claim was released before; ask with a new id", kind="placement.claim_released"),
        )
    else:
        waiting.future.set_result(claims)


def fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
