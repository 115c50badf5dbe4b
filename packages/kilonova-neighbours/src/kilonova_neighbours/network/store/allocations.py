"""Addresses of subnets: one row per address in use.

Two transactions can never hold one address: the table's key refuses the second, which then runs again. A free address
is found by looking at a random window of the pools, which nearly always has one; when the pools are nearly full, by
halving them with counts. Never by reading all that is in use.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, func, insert, select

from kilonova_neighbours.network.model.addresses import Span, address_of, key_of, ranges_to_try
from kilonova_neighbours.network.store.tables import address_allocations as allocations
from kilonova_neighbours.network.store.transactions import Tx

#: How many neighbouring addresses are looked at together.
_WINDOW = 64

_IN_WINDOW = select(allocations.c.address_key).where(
    allocations.c.subnet_id == bindparam("subnet"),
    allocations.c.address_key.between(bindparam("first"), bindparam("last")),
)
_ALLOCATE = insert(allocations)


def free_address(
    tx: Tx, subnet_id: str, spans: Sequence[Span], version: int, taken: Collection[int] = ()
) -> str | None:
    """An address of the spans that nobody has (nor is in ``taken``), None when there is none."""
    for window in ranges_to_try(spans, _WINDOW):
        if (found := _free_in_window(tx, subnet_id, window, version, taken)) is not None:
            return address_of(found, version)
    for span in random.sample(list(spans), len(spans)):
        if span.size > _WINDOW and (found := _free_by_halving(tx, subnet_id, span, version, taken)) is not None:
            return address_of(found, version)
    return None


def _free_in_window(tx: Tx, subnet_id: str, window: Span, version: int, taken: Collection[int]) -> int | None:
    asked = {"subnet": subnet_id, "first": key_of(window.first, version), "last": key_of(window.last, version)}
    keys = tx.execute(_IN_WINDOW, asked).scalars()
    used = {int(key, 16) for key in keys}.union(taken)
    free = [number for number in range(window.first, window.last + 1) if number not in used]
    return random.choice(free) if free else None  # noqa: S311 - only spreads the load


def _free_by_halving(tx: Tx, subnet_id: str, span: Span, version: int, taken: Collection[int]) -> int | None:
    while _in_use(tx, subnet_id, span, version, taken) < span.size:
        if span.size <= _WINDOW:
            return _free_in_window(tx, subnet_id, span, version, taken)
        middle = (span.first + span.last) // 2
        lower, upper = Span(span.first, middle), Span(middle + 1, span.last)
        span = lower if _in_use(tx, subnet_id, lower, version, taken) < lower.size else upper
    return None


def _in_use(tx: Tx, subnet_id: str, span: Span, version: int, taken: Collection[int]) -> int:
    statement = select(func.count()).where(
        allocations.c.subnet_id == subnet_id,
        allocations.c.address_key.between(key_of(span.first, version), key_of(span.last, version)),
    )
    rows = int(tx.execute(statement).scalar_one())
    return rows + sum(1 for number in taken if span.first <= number <= span.last)


def is_taken(tx: Tx, subnet_id: str, number: int, version: int) -> bool:
    return owner_of(tx, subnet_id, number, version) is not None


def owner_of(tx: Tx, subnet_id: str, number: int, version: int) -> str | None:
    """The port that has the address."""
    return tx.execute(
        select(allocations.c.port_id).where(
            allocations.c.subnet_id == subnet_id, allocations.c.address_key == key_of(number, version)
        )
    ).scalar()


def allocate(tx: Tx, port_id: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """``rows``: (subnet id, key, address)."""
    if rows:
        values = [
            {"subnet_id": subnet, "address_key": key, "address": address, "port_id": port_id}
            for subnet, key, address in rows
        ]
        tx.execute(_ALLOCATE, values)


def release(tx: Tx, port_id: str, addresses: Collection[tuple[str, str]] | None = None) -> None:
    """Give back all of a port's addresses, or those of (subnet id, address)."""
    statement = delete(allocations).where(allocations.c.port_id == port_id)
    if addresses is None:
        tx.execute(statement)
        return
    for subnet_id, address in addresses:
        tx.execute(statement.where(allocations.c.subnet_id == subnet_id, allocations.c.address == address))


def ports_of_subnet(tx: Tx, subnet_id: str) -> list[str]:
    statement = select(allocations.c.port_id).where(allocations.c.subnet_id == subnet_id).distinct()
    return list(tx.execute(statement).scalars())


def numbers_in_use(tx: Tx, subnet_ids: Sequence[str]) -> dict[str, int]:
    statement = (
        select(allocations.c.subnet_id, func.count())
        .where(allocations.c.subnet_id.in_(subnet_ids))
        .group_by(allocations.c.subnet_id)
    )
    return {row[0]: row[1] for row in tx.execute(statement)}
