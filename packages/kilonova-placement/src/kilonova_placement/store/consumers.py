"""Claims as consumers of the Placement API: what an owner has, whole, and replaced as one.

A consumer is an owner's bare id. Its generation is the sum of its live claims' generations: every change of one of them
changes it. Where a claim goes and another stays, the one that stays takes over the generation of the one that goes, so
that the sum never says again what it said of other amounts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from kilonova_placement.model.claims import Claim, ClaimState
from kilonova_placement.store.claims import find_claims, in_chunks, live_claims
from kilonova_placement.store.tables import claim_amounts, claims

#: The advisory locks of PostgreSQL that are for consumers, and how many: a server has room for some thousands.
_CONSUMERS, _BUCKETS = 0x4B4E, 1024


class Consumer(NamedTuple):
    """Who has something. ``consumer_type`` None is unknown."""

    consumer_id: str
    project_id: str
    user_id: str
    consumer_type: str | None
    generation: int
    claims: tuple[Claim, ...]

    def amounts(self) -> dict[str, dict[str, int]]:
        """What it has, by provider; one with two claims (it moves) has the sum of both."""
        sums: dict[str, dict[str, int]] = {}
        for claim in self.claims:
            for part in claim.providers:
                of = sums.setdefault(part.provider_id, {})
                of.update({name: of.get(name, 0) + amount for name, amount in part.amounts.items()})
        return sums


def find_consumer(tx: Connection, consumer_id: str) -> Consumer | None:
    """The owner with this bare id, None for one that has nothing."""
    found = live_claims(tx, consumer=consumer_id)
    return _consumer(tx, consumer_id, found) if found else None


def lock_claims(tx: Connection, consumer_ids: Iterable[str]) -> set[str]:
    """Keep others from changing these consumers' claims until this transaction ends; say which groups they are in."""
    groups, wanted = set[str](), sorted(consumer_ids)
    _lock_ids(tx, wanted)
    for chunk in in_chunks(wanted):
        mine = and_(claims.c.consumer.in_(chunk), claims.c.state != ClaimState.RELEASED)
        query = select(claims.c.group_id).where(mine).order_by(claims.c.claim_id)
        groups.update(group_id for group_id in tx.scalars(query.with_for_update()) if group_id)
    return groups


def _lock_ids(tx: Connection, consumer_ids: Iterable[str]) -> None:
    """Who has no claim yet has no row to lock: its id stands for it. SQLite has one writer anyway."""
    if tx.dialect.name == "sqlite":
        return
    for bucket in sorted({zlib.crc32(consumer_id.encode()) % _BUCKETS for consumer_id in consumer_ids}):
        tx.execute(select(func.pg_advisory_xact_lock(_CONSUMERS, bucket)))


def consumers_on(tx: Connection, provider_id: str) -> list[Consumer]:
    """Everybody who has something of a provider; of each only the claims on it, with the generation of all."""
    ids = select(claim_amounts.c.claim_id).where(claim_amounts.c.provider_id == provider_id).distinct()
    found: dict[str, list[Claim]] = {}
    for claim in find_claims(tx, list(tx.scalars(ids.order_by(claim_amounts.c.claim_id)))).values():
        found.setdefault(claim.owner.consumer, []).append(claim)
    sums = _generations(tx, found)
    return [
        Consumer(key, some[0].owner.project_id, some[0].owner.user_id, None, sums.get(key, 0), tuple(some))
        for key, some in found.items()
    ]


def _generations(tx: Connection, consumer_ids: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in in_chunks(sorted(consumer_ids)):
        query = select(claims.c.consumer, func.sum(claims.c.generation)).group_by(claims.c.consumer)
        rows = tx.execute(query.where(claims.c.consumer.in_(chunk), claims.c.state != ClaimState.RELEASED))
        found.update({consumer: int(generation) for consumer, generation in rows})
    return found


def _consumer(tx: Connection, consumer_id: str, found: list[Claim]) -> Consumer:
    types = select(claims.c.consumer_type).where(claims.c.claim_id.in_([claim.claim_id for claim in found]))
    known = [name for name in tx.scalars(types) if name]
    owner = found[0].owner
    return Consumer(
        consumer_id,
        owner.project_id,
        owner.user_id,
        known[0] if known else None,
        sum(claim.generation for claim in found),
        tuple(found),
    )


def insert_claim(tx: Connection, row: dict[str, Any], amounts: dict[str, dict[str, int]]) -> None:
    """Write a new claim down, with what it takes of each provider."""
    tx.execute(insert(claims).values(row))
    _insert_amounts(tx, row["claim_id"], amounts)


def rewrite_claim(
    tx: Connection,
    claim_id: str,
    values: dict[str, Any],
    amounts: dict[str, dict[str, int]] | None,
    takes_over: int = 0,
) -> None:
    """Change a live claim; ``amounts`` replace what it takes, and without any it takes nothing more.

    ``takes_over``: the generations of claims of the same consumer that go with this change.
    """
    tx.execute(delete(claim_amounts).where(claim_amounts.c.claim_id == claim_id))
    if amounts:
        _insert_amounts(tx, claim_id, amounts)
    more = {"generation": claims.c.generation + 1 + takes_over}
    tx.execute(update(claims).where(claims.c.claim_id == claim_id).values({**values, **more}))


def _insert_amounts(tx: Connection, claim_id: str, amounts: dict[str, dict[str, int]]) -> None:
    rows = [
        {"claim_id": claim_id, "provider_id": provider_id, "resource_class": name, "amount": amount}
        for provider_id, of in amounts.items()
        for name, amount in of.items()
    ]
    tx.execute(insert(claim_amounts), rows)


class TypeUsage(NamedTuple):
    """Sums of one type of consumers (None: unknown), and how many they are."""

    consumer_type: str | None
    consumers: int
    amounts: dict[str, int]


def usage_by_type(tx: Connection, project_id: str, user_id: str = "") -> list[TypeUsage]:
    """The sums of a project's live claims by the type of their owners."""
    mine = _of(project_id, user_id)
    counts = select(claims.c.consumer_type, func.count(claims.c.consumer.distinct())).where(
        mine, claims.c.state != ClaimState.RELEASED
    )
    found = {
        kind: TypeUsage(kind, int(count), {}) for kind, count in tx.execute(counts.group_by(claims.c.consumer_type))
    }
    sums = (
        select(claims.c.consumer_type, claim_amounts.c.resource_class, func.sum(claim_amounts.c.amount))
        .join(claims, claims.c.claim_id == claim_amounts.c.claim_id)
        .where(mine)
        .group_by(claims.c.consumer_type, claim_amounts.c.resource_class)
    )
    for kind, name, amount in tx.execute(sums):
        found[kind].amounts[name] = int(amount)
    return list(found.values())


def _of(project_id: str, user_id: str) -> ColumnElement[bool]:
    mine = claims.c.project_id == project_id
    return and_(mine, claims.c.user_id == user_id) if user_id else mine
