"""Moves: pairs of claims of which the newer one names the older one."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from kilonova_placement.model.claims import ClaimState, Move
from kilonova_placement.store.claims import find_claims, owned_by
from kilonova_placement.store.tables import claims


def find_moves(tx: Connection, claim_ids: Iterable[str]) -> list[Move]:
    """The moves to these claims, in any state, of which both claims are remembered; in the order of their ids."""
    new = {claim.claim_id: claim for claim in find_claims(tx, claim_ids).values() if claim.leaves}
    old = find_claims(tx, {claim.leaves for claim in new.values()})
    found = [Move(leaves=old[claim.leaves], goes_to=claim) for claim in new.values() if claim.leaves in old]
    return sorted(found, key=lambda move: move.goes_to.claim_id)


def open_moves(tx: Connection, *, owner: str = "", after: str = "", limit: int | None = None) -> list[Move]:
    """Moves with two live claims, all or of one owner, in the order of their ids."""
    old = claims.alias()
    query = select(claims.c.claim_id).join(old, claims.c.leaves == old.c.claim_id)
    query = query.where(claims.c.state != ClaimState.RELEASED, old.c.state != ClaimState.RELEASED)
    query = query.where(claims.c.claim_id > after)
    if owner:
        query = query.where(owned_by(owner))
    return find_moves(tx, tx.scalars(query.order_by(claims.c.claim_id).limit(limit)).all())
