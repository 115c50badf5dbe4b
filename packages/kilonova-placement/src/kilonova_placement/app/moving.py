"""Moves: an owner with a bound place gets a second one; then the first is released, or the second.

    begin ──► both count ──confirm──► the new one is bound, the old one released, in one transaction
                  └─────────revert───► the new one is released

A new place that is only held expires as any held claim does, and then nothing has happened. ``bind`` makes it last and
leaves the move open, for as long as somebody has to say whether it was a good one.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, NotFound

from kilonova_placement.app.claims import check_request, held_for
from kilonova_placement.app.placement import PlacementApp
from kilonova_placement.app.waiting import Question, repeated
from kilonova_placement.model.claims import Claim, ClaimState, Move
from kilonova_placement.model.requests import Request
from kilonova_placement.store import claims as claim_store
from kilonova_placement.store import groups as group_store
from kilonova_placement.store import ledger as ledger_store
from kilonova_placement.store import moves as move_store
from kilonova_placement.store.providers import Mark

CANNOT_MOVE = "placement.cannot_move"
_NO_MOVE = "No move to claim {} found."


async def begin(
    app: PlacementApp, request: Request, leaves: str, goes_to: str, held_seconds: float | None, elsewhere: bool
) -> Move:
    """Choose and hold the new place of the owner of a bound claim. ``elsewhere``: not on the host it leaves.

    Raises Refused, BadRequest, NotFound, Conflict (not bound, moves already, the new id is in use).
    """
    check_request(request)
    if leaves == goes_to:
        raise BadRequest("goes_to: the new claim needs an id of its own")
    held = held_for(app, held_seconds)
    known = await app.database.read(lambda tx: claim_store.find_claims(tx, [leaves, goes_to]))
    old = known.get(leaves)
    if old is None:
        raise NotFound(f"No claim with id {leaves} found.")
    if goes_to not in known and old.state is not ClaimState.BOUND:
        raise Conflict(f"Claim {leaves} is not bound: its owner has no place to move from.", kind=CANNOT_MOVE)
    if elsewhere:
        place = msgspec.structs.replace(request.place, not_hosts=(*request.place.not_hosts, old.host))
        request = msgspec.structs.replace(request, place=place)
    question = Question(request, (old.owner,), (goes_to,), held, leaves)
    if goes_to in known:
        (new,) = repeated(question, known)
    else:
        (new,) = await app.ledger.claim(question)
    return Move(leaves=old, goes_to=new)


async def confirm(app: PlacementApp, claim_id: str) -> Claim:
    """Bind the new place and release the old one, at once; confirmed is confirmed. Raises NotFound, Conflict."""
    touched, groups = set[str](), set[str]()

    def save(tx: Any, mark: Mark) -> Claim:
        new, old = _locked(tx, claim_id)
        if new.state is ClaimState.RELEASED:
            raise Conflict(f"Claim {claim_id} was released, or it expired: move anew.", kind="placement.claim_released")
        claim_store.bind_claim(tx, claim_id)
        if _is_live(old):
            claim_store.take_over(tx, claim_id, old.generation)
            _let_go(tx, old, mark, touched, groups)
        return claim_store.find_claims(tx, [claim_id])[claim_id]

    return await app.ledger.change(save, touched, groups)


async def revert(app: PlacementApp, claim_id: str) -> None:
    """Release the new place; reverted is reverted. Raises NotFound; Conflict when the old one is gone."""
    touched, groups = set[str](), set[str]()

    def save(tx: Any, mark: Mark) -> None:
        new, old = _locked(tx, claim_id)
        if new.state is ClaimState.RELEASED:
            return
        if not _is_live(old):
            raise Conflict(
                f"The move to claim {claim_id} was confirmed: there is no place to go back to.",
                kind="placement.move_confirmed",
            )
        _let_go(tx, new, mark, touched, groups)

    await app.ledger.change(save, touched, groups)


async def get(app: PlacementApp, claim_id: str) -> Move:
    """A move in any state, as long as both claims are remembered. Raises NotFound."""
    found = await app.database.read(lambda tx: move_store.find_moves(tx, [claim_id]))
    if not found:
        raise NotFound(_NO_MOVE.format(claim_id))
    return found[0]


async def listed(app: PlacementApp, owner: str, marker: str, limit: int) -> list[Move]:
    """Moves that are neither confirmed nor reverted, in the order of their ids, after the marker."""
    return await app.database.read(lambda tx: move_store.open_moves(tx, owner=owner, after=marker, limit=limit))


def _locked(tx: Any, claim_id: str) -> tuple[Claim, Claim | None]:
    """The new claim and the one it leaves, which nobody else changes until this transaction ends. Raises NotFound."""
    new = claim_store.find_claims(tx, [claim_id]).get(claim_id)
    if new is None or not new.leaves:
        raise NotFound(_NO_MOVE.format(claim_id))
    claim_store.lock_claims(tx, [claim_id, new.leaves])
    found = claim_store.find_claims(tx, [claim_id, new.leaves])
    return found[claim_id], found.get(new.leaves)


def _is_live(claim: Claim | None) -> TypeGuard[Claim]:
    return claim is not None and claim.state is not ClaimState.RELEASED


def _let_go(tx: Any, claim: Claim, mark: Mark, touched: set[str], groups: set[str]) -> None:
    """Release a locked claim, and note what is to be read again."""
    in_groups = group_store.lock_groups(tx, {claim.group_id} - {""})
    ledger_store.release_claim(tx, claim, mark)
    group_store.raise_groups(tx, {claim.group_id} - {""}, in_groups, mark)
    touched.update(part.provider_id for part in claim.providers)
    groups.update({claim.group_id} - {""})
