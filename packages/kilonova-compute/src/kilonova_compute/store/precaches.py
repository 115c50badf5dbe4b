"""Precaches in the global database: one row each, and one for every host that it is for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from kilonova_kit.database import Connection
from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, update

from kilonova_compute.model.precaches import OPEN, HostProgress, Precache, Stage
from kilonova_compute.store.tables import precache_hosts as hosts
from kilonova_compute.store.tables import precaches

_decoder = msgspec.json.Decoder(Precache)


class Due(NamedTuple):
    """What is to be looked at: hosts with their precaches, and how many hosts are fetching at all."""

    hosts: list[tuple[Precache, HostProgress]]
    fetching: int
    over: bool


def put(tx: Connection, precache: Precache, names: Iterable[str]) -> None:
    """Enter one for these hosts. Asked for again, it begins anew."""
    remove(tx, precache.aggregate, precache.image.image_id)
    key = {"aggregate": precache.aggregate, "image_id": precache.image.image_id}
    record = msgspec.json.encode(precache).decode()
    tx.execute(insert(precaches).values(**key, until=precache.until, record=record))
    rows = [{**key, **_values(HostProgress(host=name, due_at=precache.asked_at)), "host": name} for name in names]
    if rows:
        tx.execute(insert(hosts), rows)


def due(tx: Connection, now: float, forget_before: float, most: int) -> Due:
    """Those who are fetching come first, then those who wait, the longest first."""
    joined = hosts.join(precaches, _same())
    query = select(precaches.c.record.label("precache"), *_columns()).select_from(joined)
    query = query.where(hosts.c.stage.in_(OPEN), hosts.c.due_at <= now).order_by(hosts.c.stage, hosts.c.due_at)
    found = [(_decoder.decode(row.precache), _progress(row)) for row in tx.execute(query.limit(most))]
    fetching = tx.execute(select(func.count()).where(hosts.c.stage == Stage.FETCHING)).scalar_one()
    over = tx.execute(select(func.count()).where(precaches.c.until < forget_before)).scalar_one()
    return Due(found, fetching, bool(over))


def save(tx: Connection, changed: Sequence[tuple[Precache, HostProgress, HostProgress]]) -> None:
    """Write what has become of hosts, unless somebody else has looked at them, or begun anew, since."""
    for precache, before, after in changed:
        row = and_(
            hosts.c.aggregate == precache.aggregate,
            hosts.c.image_id == precache.image.image_id,
            hosts.c.host == before.host,
            hosts.c.due_at == before.due_at,
            hosts.c.stage == before.stage,
        )
        tx.execute(update(hosts).where(row).values(**_values(after)))


def listed(tx: Connection) -> list[tuple[Precache, list[HostProgress]]]:
    """All of them with their hosts, by aggregate and image."""
    found: dict[tuple[int, str], list[HostProgress]] = {}
    for row in tx.execute(select(hosts).order_by(hosts.c.host)):
        found.setdefault((row.aggregate, row.image_id), []).append(_progress(row))
    records = tx.execute(select(precaches.c.record).order_by(precaches.c.aggregate, precaches.c.image_id))
    known = [_decoder.decode(record) for (record,) in records]
    return [(one, found.get((one.aggregate, one.image.image_id), [])) for one in known]


def remove(tx: Connection, aggregate: int, image_id: str | None = None) -> None:
    """Forget one, or all of an aggregate."""
    for table in (hosts, precaches):
        where = table.c.aggregate == aggregate
        tx.execute(delete(table).where(where if image_id is None else where & (table.c.image_id == image_id)))


def forget(tx: Connection, before: float) -> None:
    """Remove those that were over before a time."""
    gone = tx.execute(select(precaches.c.aggregate, precaches.c.image_id).where(precaches.c.until < before)).all()
    for aggregate, image_id in gone:
        remove(tx, aggregate, image_id)


def _same() -> ColumnElement[bool]:
    return and_(precaches.c.aggregate == hosts.c.aggregate, precaches.c.image_id == hosts.c.image_id)


def _columns() -> tuple[Any, ...]:
    return hosts.c.host, hosts.c.stage, hosts.c.tries, hosts.c.due_at, hosts.c.reason


def _progress(row: Row[Any]) -> HostProgress:
    return HostProgress(
        host=row.host, stage=Stage(row.stage), tries=row.tries, due_at=row.due_at, reason=row.reason
    )  # fmt: skip


def _values(progress: HostProgress) -> dict[str, Any]:
    return {
        "stage": progress.stage,
        "tries": progress.tries,
        "due_at": progress.due_at,
        "reason": progress.reason[:1000],
    }
