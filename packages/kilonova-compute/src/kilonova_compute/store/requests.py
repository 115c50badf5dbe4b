"""Requests as they were made, in the global database."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from kilonova_kit.database import Connection
from sqlalchemy import delete, insert, select

from kilonova_compute.model.requests import ServerRequest
from kilonova_compute.store.tables import requests


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


def remove(tx: Connection, server_ids: Sequence[str]) -> None:
    tx.execute(delete(requests).where(requests.c.server_id.in_(server_ids)))
