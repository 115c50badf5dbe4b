"""Claims by id, by owner, by project: what is read, and the small writes that change no amounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, exists, func, or_, select, union, update

from kilonova_placement.model.claims import Claim, ClaimedAmounts, ClaimState, Owner, consumer_of
from kilonova_placement.store.tables import claim_amounts, claims

#: Ids in one statement: SQLite takes 32,766 values, and a plan for more helps nobody.
_CHUNK = 500

# Made once: to make a statement costs more than to run it.
_FIND = select(claims).where(claims.c.claim_id.in_(bindparam("ids", expanding=True)))
_AMOUNTS = select(claim_amounts).where(claim_amounts.c.claim_id.in_(bindparam("ids", expanding=True)))
_BIND = (
    update(claims)
    .where(claims.c.claim_id == bindparam("held_id"), claims.c.state == ClaimState.HELD)
    .values(state=ClaimState.BOUND, expires_at=None, generation=claims.c.generation + 1)
)


def in_chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    whole = list(ids)
    return (whole[start : start + _CHUNK] for start in range(0, len(whole), _CHUNK))


def find_claims(tx: Connection, claim_ids: Iterable[str]) -> dict[str, Claim]:
    """The claims among these ids that exist, released ones too."""
    found: dict[str, Claim] = {}
    for chunk in in_chunks(claim_ids):
        rows = tx.execute(_FIND, {"ids": chunk}).all()
        found.update({claim.claim_id: claim for claim in _with_amounts(tx, rows)})
    return found


def live_claims(
    tx: Connection, *, owner: str = "", consumer: str = "", after: str = "", limit: int | None = None
) -> list[Claim]:
    """Held and bound claims in the order of their ids, all or of one owner (or the owner's bare id)."""
    query = select(claims).where(claims.c.state != ClaimState.RELEASED, claims.c.claim_id > after)
    if owner:
        query = query.where(owned_by(owner))
    if consumer:
        query = query.where(claims.c.consumer == consumer)
    return _with_amounts(tx, tx.execute(query.order_by(claims.c.claim_id).limit(limit)).all())


def owned_by(owner: str) -> ColumnElement[bool]:
    """Claims of this owner: there is an index of consumers only."""
    return and_(claims.c.consumer == consumer_of(owner), claims.c.owner == owner)


def lock_claims(tx: Connection, claim_ids: Iterable[str]) -> None:
    """Keep others from changing these claims until this transaction ends."""
    for chunk in in_chunks(sorted(claim_ids)):
        query = select(claims.c.claim_id).where(claims.c.claim_id.in_(chunk)).order_by(claims.c.claim_id)
        tx.execute(query.with_for_update()).all()


def expired_claims(tx: Connection, now: float, limit: int) -> list[str]:
    query = select(claims.c.claim_id).where(claims.c.state == ClaimState.HELD, claims.c.expires_at <= now)
    return list(tx.scalars(query.order_by(claims.c.expires_at).limit(limit)))


def odd_claims(tx: Connection) -> list[str]:
    """Live claims that hold nothing, released ones that hold something, and amounts of claims that there are not.

    There are none, in one snapshot.
    """
    holds = exists().where(claim_amounts.c.claim_id == claims.c.claim_id)
    released = claims.c.state == ClaimState.RELEASED
    wrong = select(claims.c.claim_id).where(or_(and_(released, holds), and_(~released, ~holds)))
    is_there = exists().where(claims.c.claim_id == claim_amounts.c.claim_id)
    return list(tx.scalars(union(wrong, select(claim_amounts.c.claim_id).where(~is_there))))


def bind_claim(tx: Connection, claim_id: str) -> None:
    """Make a held claim last. One in another state stays as it is."""
    tx.execute(_BIND, {"held_id": claim_id})


def take_over(tx: Connection, claim_id: str, generation: int) -> None:
    """Add the generation of a claim of the same consumer that goes (``store/consumers.py``)."""
    values = {"generation": claims.c.generation + generation}
    tx.execute(update(claims).where(claims.c.claim_id == claim_id).values(values))


def renew_claim(tx: Connection, claim_id: str, expires_at: float) -> None:
    """Hold a held claim for longer."""
    held = and_(claims.c.claim_id == claim_id, claims.c.state == ClaimState.HELD)
    values = {"expires_at": expires_at, "generation": claims.c.generation + 1}
    tx.execute(update(claims).where(held).values(values))


def forget_released(tx: Connection, before: float) -> int:
    """Remove claims that were released before a time; say how many."""
    return tx.execute(delete(claims).where(claims.c.released_at < before)).rowcount


def usage_of(
    tx: Connection, project_id: str, user_id: str = "", among: ColumnElement[bool] | None = None
) -> dict[str, int]:
    """The sums of the live claims of a project, or of one user in it, per resource class."""
    query = (
        select(claim_amounts.c.resource_class, func.sum(claim_amounts.c.amount))
        .join(claims, claims.c.claim_id == claim_amounts.c.claim_id)
        .where(claims.c.project_id == project_id)
        .group_by(claim_amounts.c.resource_class)
    )
    if user_id:
        query = query.where(claims.c.user_id == user_id)
    if among is not None:
        query = query.where(among)
    return {name: int(amount) for name, amount in tx.execute(query)}


def moving_of(tx: Connection, project_id: str, user_id: str = "") -> dict[str, int]:
    """That part of ``usage_of`` which is held by places that their owners leave, besides those they go to."""
    new = claims.alias()
    left = select(new.c.leaves).where(new.c.leaves.isnot(None), new.c.state != ClaimState.RELEASED)
    return usage_of(tx, project_id, user_id, claims.c.claim_id.in_(left))


def _with_amounts(tx: Connection, rows: Sequence[Row[Any]]) -> list[Claim]:
    amounts: dict[str, dict[str, dict[str, int]]] = {row.claim_id: {} for row in rows}
    for chunk in in_chunks(amounts):
        for claim_id, provider_id, resource_class, amount in tx.execute(_AMOUNTS, {"ids": chunk}):
            amounts[claim_id].setdefault(provider_id, {})[resource_class] = amount
    return [_claim(row, amounts[row.claim_id]) for row in rows]


def _claim(row: Row[Any], amounts: dict[str, dict[str, int]]) -> Claim:
    return Claim(
        claim_id=row.claim_id,
        owner=Owner(name=row.owner, project_id=row.project_id, user_id=row.user_id),
        state=ClaimState(row.state),
        host_id=row.host_id,
        host=row.host,
        cell=row.cell,
        generation=row.generation,
        providers=tuple(ClaimedAmounts(provider_id=key, amounts=value) for key, value in sorted(amounts.items())),
        expires_at=row.expires_at,
        created_at=row.created_at,
        group_id=row.group_id or "",
        leaves=row.leaves or "",
    )
