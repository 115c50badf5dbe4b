"""Requests as they were made, in the global database."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from kilonova_kit.database import Connection
from sqlalchemy import Text, cast, delete, insert, select

from kilonova_compute.model.requests import ServerRequest
from kilonova_compute.store.tables import requests
from kilonova_compute.store.tables import server_index as index

#: For how long a server may be on its way into the index.
WAY_SECONDS = 60.0


def add(tx: Connection, made: Sequence[ServerRequest], now: float) -> None:
    rows = [
        {
            "server_id": one.server_id,
            "project_id": one.project_id,
            "created_at": now,
            "record": msgspec.to_builtins(one),
        }
        for one in made
    ]
    tx.execute(insert(requests), rows)


def find(tx: Connection, server_id: str) -> ServerRequest | None:
    record = tx.execute(select(requests.c.record).where(requests.c.server_id == server_id)).scalar()
    return None if record is None else msgspec.convert(record, ServerRequest)


def on_their_way(tx: Connection, project_id: str, since: float) -> list[ServerRequest]:
    """A project's requests whose servers the index does not have yet; those from before ``since`` never came to one."""
    joined = requests.outerjoin(index, index.c.id == requests.c.server_id)
    query = select(requests.c.record).select_from(joined)
    query = query.where(requests.c.project_id == project_id, requests.c.created_at > since, index.c.id.is_(None))
    return [msgspec.convert(record, ServerRequest) for (record,) in tx.execute(query)]


def find_by_request(tx: Connection, request_id: str, project_id: str | None) -> ServerRequest | None:
    """The first of those that an API call made. Looked for by operators, seldom: there is no index for it."""
    text = cast(requests.c.record, Text)
    named = text.contains(f'"request_id":{msgspec.json.encode(request_id).decode()}', autoescape=True)
    query = select(requests.c.record).where(named).order_by(requests.c.created_at, requests.c.server_id)
    if project_id is not None:
        query = query.where(requests.c.project_id == project_id)
    record = tx.execute(query.limit(1)).scalar()
    return None if record is None else msgspec.convert(record, ServerRequest)


def remove(tx: Connection, server_ids: Sequence[str]) -> None:
    tx.execute(delete(requests).where(requests.c.server_id.in_(server_ids)))


def remove_strays(tx: Connection, before: float) -> None:
    """Remove requests that were made before a moment and never came to a server."""
    known = select(index.c.id).where(index.c.id == requests.c.server_id)
    tx.execute(delete(requests).where(requests.c.created_at < before, ~known.exists()))
