"""Aggregates in the global database."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import Conflict
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from kilonova_compute.model.aggregates import Aggregate
from kilonova_compute.store.tables import aggregates

_decoder = msgspec.json.Decoder(Aggregate)


def _text(aggregate: Aggregate) -> str:
    return msgspec.json.encode(aggregate).decode()


def _read(number: int, record: str) -> Aggregate:
    return msgspec.structs.replace(_decoder.decode(record), number=number)


def _taken(name: str) -> Conflict:
    return Conflict(f"Aggregate {name} already exists.")


def add(tx: Connection, aggregate: Aggregate) -> Aggregate:
    """Raises Conflict when the name is taken."""
    try:
        with tx.begin_nested():
            tx.execute(insert(aggregates).values(name=aggregate.name, record=_text(aggregate)))
    except IntegrityError as error:
        raise _taken(aggregate.name) from error
    number = tx.execute(select(aggregates.c.number).where(aggregates.c.name == aggregate.name)).scalar_one()
    return msgspec.structs.replace(aggregate, number=number)


def find(tx: Connection, number: int) -> Aggregate | None:
    row = tx.execute(select(aggregates).where(aggregates.c.number == number)).first()
    return None if row is None else _read(row.number, row.record)


def all_aggregates(tx: Connection) -> list[Aggregate]:
    return [_read(row.number, row.record) for row in tx.execute(select(aggregates).order_by(aggregates.c.number))]


def all_to_change(tx: Connection) -> list[Aggregate]:
    """As ``all_aggregates``, with nobody else changing any until the transaction ends."""
    query = select(aggregates).order_by(aggregates.c.number).with_for_update()
    return [_read(row.number, row.record) for row in tx.execute(query)]


def change(tx: Connection, number: int, how: Callable[[Aggregate], Aggregate]) -> Aggregate | None:
    """Change one, with nobody else in between. Raises Conflict when its new name is taken."""
    row = tx.execute(select(aggregates).where(aggregates.c.number == number).with_for_update()).first()
    if row is None:
        return None
    changed = how(_read(row.number, row.record))
    try:
        with tx.begin_nested():
            values = {"name": changed.name, "record": _text(changed)}
            tx.execute(update(aggregates).where(aggregates.c.number == number).values(**values))
    except IntegrityError as error:
        raise _taken(changed.name) from error
    return changed


def remove(tx: Connection, number: int) -> None:
    tx.execute(delete(aggregates).where(aggregates.c.number == number))
