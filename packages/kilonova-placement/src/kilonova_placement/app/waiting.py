"""Who waits for the ledger's next round: questions for claims, releases, changes of providers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from kilonova_kit.errors import Conflict

from kilonova_placement.deciding.choosing import Placement
from kilonova_placement.deciding.index import Part
from kilonova_placement.model.claims import Claim, ClaimState, Owner
from kilonova_placement.model.explanations import Explanation
from kilonova_placement.model.groups import GroupPolicy
from kilonova_placement.model.requests import Request

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


class Waiting(Protocol):
    """Somebody with a future."""

    @property
    def future(self) -> asyncio.Future[Any]: ...


@dataclass(slots=True, frozen=True)
class Question:
    """A request for claims, one per id and owner, all or none. ``leaves``: the claim its owner moves away from."""

    request: Request
    owners: tuple[Owner, ...]
    claim_ids: tuple[str, ...]
    held_seconds: float
    leaves: str = ""

    @property
    def asking(self) -> str:
        """Who does not count against itself in a group: the owner of a single claim."""
        return self.owners[0].name if len(self.owners) == 1 else ""

    @property
    def group_id(self) -> str:
        return self.request.group.group_id if self.request.group else ""

    @property
    def watches_group(self) -> bool:
        """Whether the members of the group must be those that were looked at."""
        return self.request.group is not None and GroupPolicy(self.request.group.policy).is_hard


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
    """A transaction about providers that waits; ``touched`` providers and ``groups`` are read again after it."""

    transaction: Callable[[Any], T]
    touched: Collection[str]
    groups: Collection[str]
    future: asyncio.Future[T]


@dataclass(slots=True)
class Release:
    """Claims to let go; ``by``: only those held ones that had expired by then."""

    claim_ids: Sequence[str]
    by: float | None
    future: asyncio.Future[set[str]]


def by_kind(asked: Iterable[Asked]) -> Iterable[list[Asked]]:
    """Those that ask the same together, in the order of the first of each; who asks for a group stands alone."""
    kinds: dict[object, list[Asked]] = {}
    for waiting in asked:
        request = waiting.question.request
        kinds.setdefault(_encode(request) if request.group is None else id(waiting), []).append(waiting)
    return kinds.values()


def answer(waiting: Asked, existing: Mapping[str, Claim]) -> None:
    """Answer a repeated question with the claims it made the first time."""
    if waiting.future.done():
        return
    try:
        waiting.future.set_result(repeated(waiting.question, existing))
    except Conflict as error:
        fail(waiting.future, error)


def repeated(question: Question, existing: Mapping[str, Claim]) -> tuple[Claim, ...]:
    """The claims that this question made. Raises Conflict when they are others', or not live any more."""
    found = [existing.get(claim_id) for claim_id in question.claim_ids]
    claims = tuple(claim for claim in found if claim is not None)
    if len(claims) < len(found) or any(
        (claim.owner, claim.leaves) != (owner, question.leaves)
        for claim, owner in zip(claims, question.owners, strict=True)
    ):
        raise Conflict("some of these claim ids are in use by another claim", kind="placement.claim_id_in_use")
    if any(claim.state is ClaimState.RELEASED for claim in claims):
        raise Conflict("this claim was released before; ask with a new id", kind="placement.claim_released")
    return claims


def fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
