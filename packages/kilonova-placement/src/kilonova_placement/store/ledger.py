"""The one transaction that changes what is claimed: new claims and releases, many at once.

A new claim commits only if every provider it takes from still has the generation that it was decided on. Those that do
not are reported as stale, and nothing of them is written; the others commit. A release needs no check.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from kilonova_placement.model.claims import Claim, ClaimState
from kilonova_placement.store.claims import find_claims, in_chunks
from kilonova_placement.store.providers import Mark, announce, lock_generations
from kilonova_placement.store.tables import claim_amounts, claims, providers


@dataclass(slots=True, frozen=True)
class Batch:
    """``new``: groups of claims that commit all or none. ``decided_on``: generations by provider.

    ``release``: claim ids, with the time by which a held one must have expired to be released (None: in any case).
    """

    new: tuple[tuple[Claim, ...], ...]
    decided_on: Mapping[str, int]
    release: Mapping[str, float | None]
    mark: Mark


@dataclass(slots=True)
class Outcome:
    """What the transaction did. Groups are named by their place in ``Batch.new``."""

    committed: set[int] = field(default_factory=set)
    existing: dict[str, Claim] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    released: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    #: Of every provider touched: its generation before and after.
    generations: dict[str, tuple[int, int]] = field(default_factory=dict)


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
    outcome.released = _amounts_to_release(tx, batch)
    groups = {number: group for number, group in enumerate(batch.new) if not _known(group, outcome.existing)}
    locked = lock_generations(tx, _touched(groups.values(), outcome.released))
    outcome.stale = {key for key in _touched(groups.values(), {}) if locked.get(key) != batch.decided_on.get(key)}
    fresh = {number: group for number, group in groups.items() if not outcome.stale & _providers(group)}
    outcome.committed = set(fresh)
    _insert(tx, [claim for group in fresh.values() for claim in group])
    _release(tx, outcome.released, batch.mark.now)
    changed = _touched(fresh.values(), outcome.released) & set(locked)
    outcome.generations = {key: (locked[key], locked[key] + 1) for key in sorted(changed)}
    raise_generations(tx, outcome.generations, batch.mark)
    return outcome


def _known(group: Iterable[Claim], existing: Mapping[str, Claim]) -> bool:
    return any(claim.claim_id in existing for claim in group)


def _existing(tx: Connection, batch: Batch) -> dict[str, Claim]:
    """The claims asked for that exist already; usually none, so look at the ids alone first."""
    ids = [claim.claim_id for group in batch.new for claim in group]
    found: list[str] = []
    for chunk in in_chunks(ids):
        found += tx.scalars(select(claims.c.claim_id).where(claims.c.claim_id.in_(chunk)))
    return find_claims(tx, found) if found else {}


def _amounts_to_release(tx: Connection, batch: Batch) -> dict[str, dict[str, dict[str, int]]]:
    """Claim id to provider to amounts, of the live claims that are to go; their rows are locked."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for chunk in in_chunks(sorted(batch.release)):
        query = select(claims).where(claims.c.claim_id.in_(chunk), claims.c.state != ClaimState.RELEASED)
        for row in tx.execute(query.order_by(claims.c.claim_id).with_for_update()):
            by = batch.release[row.claim_id]
            if by is None or (row.state == ClaimState.HELD and row.expires_at <= by):
                found[row.claim_id] = {}
    for chunk in in_chunks(found):
        for row in tx.execute(select(claim_amounts).where(claim_amounts.c.claim_id.in_(chunk))):
            found[row.claim_id].setdefault(row.provider_id, {})[row.resource_class] = row.amount
    return found


def _providers(group: Iterable[Claim]) -> set[str]:
    return {part.provider_id for claim in group for part in claim.providers}


def _touched(groups: Iterable[Iterable[Claim]], released: Mapping[str, Mapping[str, Any]]) -> set[str]:
    new = {key for group in groups for key in _providers(group)}
    return new | {key for amounts in released.values() for key in amounts}


def _insert(tx: Connection, new: list[Claim]) -> None:
    if not new:
        return
    tx.execute(insert(claims), [_row(claim) for claim in new])
    amounts = [
        {"claim_id": claim.claim_id, "provider_id": part.provider_id, "resource_class": name, "amount": amount}
        for claim in new
        for part in claim.providers
        for name, amount in part.amounts.items()
    ]
    tx.execute(insert(claim_amounts), amounts)


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
    }


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
    one = update(providers).where(providers.c.provider_id == bindparam("key"))
    rows = [
        {"key": key, "new": after, "at": mark.now, "more": after - before if key in unseen else 0}
        for key, (before, after) in changed.items()
    ]
    values = {
        "generation": bindparam("new"),
        "updated_at": bindparam("at"),
        "unseen": providers.c.unseen + bindparam("more"),
    }
    tx.execute(one.values(values), rows)
    announce(tx, changed, mark)
