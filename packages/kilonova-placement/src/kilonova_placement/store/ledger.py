"""The one transaction that changes what is claimed: new claims and releases, many at once.

A new claim commits only if every provider it takes from still has the generation that it was decided on, and so has its
group, where a hard policy looked at it. Those that do not are reported as stale, and nothing of them is written; the
others commit. A claim that moves its owner commits only if the claim it leaves is bound and is not left for another.
A release needs no check.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kilonova_kit.database import InsertMany, LookUpMany, UpdateMany
from sqlalchemy import BigInteger, Connection, Float, Row, delete, select, update
from sqlalchemy.exc import IntegrityError

from kilonova_placement.model.claims import Claim, ClaimState
from kilonova_placement.store.claims import find_claims, in_chunks
from kilonova_placement.store.groups import lock_groups, raise_groups
from kilonova_placement.store.providers import Mark, announce, lock_generations
from kilonova_placement.store.tables import claim_amounts, claims, providers

_CLAIMS = InsertMany(
    claims,
    *("claim_id", "owner", "consumer", "project_id", "user_id", "consumer_type", "state", "generation"),
    *("host_id", "host", "cell", "expires_at", "created_at", "group_id", "leaves"),
)
_STATES = LookUpMany(claims, "claim_id", "state")
_AMOUNTS = InsertMany(claim_amounts, "claim_id", "provider_id", "resource_class", "amount")
_RAISE = UpdateMany(
    providers,
    "provider_id",
    lambda row: {"generation": row["new"], "updated_at": row["at"], "unseen": providers.c.unseen + row["more"]},
    new=BigInteger(),
    at=Float(),
    more=BigInteger(),
)


@dataclass(slots=True, frozen=True)
class Batch:
    """``new``: claims by who asked, which commit all or none. ``decided_on``: generations by provider, and
    ``decided_in`` by group, of those alone whose members must not have changed.

    ``release``: claim ids, with the time by which a held one must have expired to be released (None: in any case).
    """

    new: tuple[tuple[Claim, ...], ...]
    decided_on: Mapping[str, int]
    release: Mapping[str, float | None]
    mark: Mark
    decided_in: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What the transaction did. Who asked is named by the place in ``Batch.new``."""

    committed: set[int] = field(default_factory=set)
    existing: dict[str, Claim] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    released: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    #: Of every provider and every group touched: its generation before and after.
    generations: dict[str, tuple[int, int]] = field(default_factory=dict)
    group_generations: dict[str, tuple[int, int]] = field(default_factory=dict)
    stale_groups: set[str] = field(default_factory=set)
    #: Released memberships: group, host, owner.
    left_groups: list[tuple[str, str, str]] = field(default_factory=list)
    #: Claims that their owner cannot leave (any more), and why.
    cannot_leave: dict[str, str] = field(default_factory=dict)


class LostRace(Exception):
    """Another process has written one of these claims at the same moment; nothing was written here."""


def commit(tx: Connection, batch: Batch) -> Outcome:
    """Run the batch. Raises LostRace."""
    try:
        return _commit(tx, batch)
    except IntegrityError as error:
        raise LostRace from error


def _commit(tx: Connection, batch: Batch) -> Outcome:
    outcome = Outcome()
    outcome.existing = _existing(tx, batch)
    asked = {number: each for number, each in enumerate(batch.new) if not _known(each, outcome.existing)}
    _lock_claims(tx, batch, _leaving(asked.values()), outcome)
    asked = {number: each for number, each in asked.items() if not outcome.cannot_leave.keys() & _leaving([each])}
    in_groups = lock_groups(tx, _groups(asked.values()) | {group_id for group_id, _, _ in outcome.left_groups})
    outcome.stale_groups = {key for key, seen in batch.decided_in.items() if in_groups.get(key, 0) != seen}
    locked = lock_generations(tx, _touched(asked.values(), outcome.released))
    outcome.stale = {key for key in _touched(asked.values(), {}) if locked.get(key) != batch.decided_on.get(key)}
    fresh = {number: each for number, each in asked.items() if not _is_stale(each, outcome)}
    outcome.committed = set(fresh)
    _insert(tx, [claim for each in fresh.values() for claim in each])
    _release(tx, outcome.released, batch.mark.now)
    changed = _touched(fresh.values(), outcome.released) & set(locked)
    outcome.generations = {key: (locked[key], locked[key] + 1) for key in sorted(changed)}
    raise_generations(tx, outcome.generations, batch.mark)
    in_changed = _groups(fresh.values()) | {group_id for group_id, _, _ in outcome.left_groups}
    outcome.group_generations = raise_groups(tx, in_changed, in_groups, batch.mark)
    return outcome


def _is_stale(each: Iterable[Claim], outcome: Outcome) -> bool:
    return bool(outcome.stale & _providers(each) or outcome.stale_groups & _groups([each]))


def _groups(asked: Iterable[Iterable[Claim]]) -> set[str]:
    return {claim.group_id for each in asked for claim in each if claim.group_id}


def _leaving(asked: Iterable[Iterable[Claim]]) -> set[str]:
    return {claim.leaves for each in asked for claim in each if claim.leaves}


def _known(each: Iterable[Claim], existing: Mapping[str, Claim]) -> bool:
    return any(claim.claim_id in existing for claim in each)


def _existing(tx: Connection, batch: Batch) -> dict[str, Claim]:
    """The claims asked for that exist already; usually none, so look at the ids alone first."""
    found = _STATES.get(tx, [claim.claim_id for each in batch.new for claim in each])
    return find_claims(tx, found) if found else {}


def _lock_claims(tx: Connection, batch: Batch, leaving: set[str], outcome: Outcome) -> None:
    """Lock the live claims that are to go, or that owners leave; note what the first hold, and which cannot be left."""
    bound: dict[str, str | None] = {}
    for chunk in in_chunks(sorted({*batch.release, *leaving})):
        query = select(claims).where(claims.c.claim_id.in_(chunk), claims.c.state != ClaimState.RELEASED)
        for row in tx.execute(query.order_by(claims.c.claim_id).with_for_update()):
            if _goes(row, batch):
                outcome.released[row.claim_id] = {}
                if row.group_id:
                    outcome.left_groups.append((row.group_id, row.host_id, row.owner))
            elif row.state == ClaimState.BOUND:
                bound[row.claim_id] = row.leaves
    for chunk in in_chunks(outcome.released):
        for row in tx.execute(select(claim_amounts).where(claim_amounts.c.claim_id.in_(chunk))):
            outcome.released[row.claim_id].setdefault(row.provider_id, {})[row.resource_class] = row.amount
    if leaving:
        outcome.cannot_leave = _who_stays(tx, leaving, bound)


def _goes(row: Row[Any], batch: Batch) -> bool:
    if row.claim_id not in batch.release:
        return False
    by = batch.release[row.claim_id]
    return by is None or (row.state == ClaimState.HELD and row.expires_at <= by)


def _who_stays(tx: Connection, leaving: set[str], bound: Mapping[str, str | None]) -> dict[str, str]:
    """Why some of these claims cannot be left: an owner has one bound place, and moves to one other at a time."""
    before = {left for left in bound.values() if left}
    live = claims.c.state != ClaimState.RELEASED
    left = set(tx.scalars(select(claims.c.leaves).where(claims.c.leaves.in_(sorted(leaving)), live)))
    unfinished = set(tx.scalars(select(claims.c.claim_id).where(claims.c.claim_id.in_(sorted(before)), live)))
    found: dict[str, str] = {}
    for claim_id in sorted(leaving):
        if claim_id not in bound:
            found[claim_id] = f"Claim {claim_id} is not bound: its owner has no place to move from."
        elif claim_id in left or bound[claim_id] in unfinished:
            found[claim_id] = f"The owner of claim {claim_id} moves already: confirm or revert that first."
    return found


def _providers(each: Iterable[Claim]) -> set[str]:
    return {part.provider_id for claim in each for part in claim.providers}


def _touched(asked: Iterable[Iterable[Claim]], released: Mapping[str, Mapping[str, Any]]) -> set[str]:
    new = {key for each in asked for key in _providers(each)}
    return new | {key for amounts in released.values() for key in amounts}


def _insert(tx: Connection, new: list[Claim]) -> None:
    if not new:
        return
    _CLAIMS.put(tx, [_row(claim) for claim in new])
    amounts = [
        {"claim_id": claim.claim_id, "provider_id": part.provider_id, "resource_class": name, "amount": amount}
        for claim in new
        for part in claim.providers
        for name, amount in part.amounts.items()
    ]
    _AMOUNTS.put(tx, amounts)


def _row(claim: Claim) -> dict[str, Any]:
    return {
        "claim_id": claim.claim_id,
        "owner": claim.owner.name,
        "consumer": claim.owner.consumer,
        "project_id": claim.owner.project_id,
        "user_id": claim.owner.user_id,
        "consumer_type": claim.owner.consumer_type,
        "state": claim.state,
        "generation": claim.generation,
        "host_id": claim.host_id,
        "host": claim.host,
        "cell": claim.cell,
        "expires_at": claim.expires_at,
        "created_at": claim.created_at,
        "group_id": claim.group_id or None,
        "leaves": claim.leaves or None,
    }


def release_claim(tx: Connection, claim: Claim, mark: Mark) -> None:
    """Release one claim whose row is locked, and its group's; its providers are told of."""
    locked = lock_generations(tx, [part.provider_id for part in claim.providers])
    _release(tx, [claim.claim_id], mark.now)
    raise_generations(tx, {key: (generation, generation + 1) for key, generation in locked.items()}, mark)


def _release(tx: Connection, released: Iterable[str], now: float) -> None:
    for chunk in in_chunks(released):
        tx.execute(delete(claim_amounts).where(claim_amounts.c.claim_id.in_(chunk)))
        values = {
            "state": ClaimState.RELEASED,
            "released_at": now,
            "expires_at": None,
            "generation": claims.c.generation + 1,
        }
        tx.execute(update(claims).where(claims.c.claim_id.in_(chunk)).values(values))


def raise_generations(
    tx: Connection, changed: Mapping[str, tuple[int, int]], mark: Mark, unseen: Container[str] = ()
) -> None:
    """Write the generations (before, after) of locked providers; the Placement API shows none of the ``unseen``."""
    if not changed:
        return
    rows = [
        {"provider_id": key, "new": after, "at": mark.now, "more": after - before if key in unseen else 0}
        for key, (before, after) in changed.items()
    ]
    _RAISE.put(tx, rows)
    announce(tx, changed, mark)
