"""Servers in a cell: written whole, and announced to the index through the outbox in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from kilonova_kit.database import Connection
from sqlalchemy import bindparam, delete, insert, select, update

from kilonova_compute.model.servers import Server
from kilonova_compute.store.tables import outbox, servers

_decoder = msgspec.json.Decoder(Server)
_encode = msgspec.json.encode

# Made once: to build a statement costs more than to run it, and these run for every step of every action.
_ADD = insert(servers)
_ANNOUNCE = insert(outbox)
_FIND = select(servers.c.record).where(servers.c.id == bindparam("server_id"))
_FIND_TO_CHANGE = (
    select(servers.c.record, servers.c.revision).where(servers.c.id == bindparam("server_id")).with_for_update()
)
_CHANGE = update(servers).where(servers.c.id == bindparam("server_id"))
_ANNOUNCED = select(outbox.c.number, outbox.c.server_id).order_by(outbox.c.number).limit(bindparam("most"))
_RECORDS = select(servers.c.record, servers.c.revision).where(servers.c.id.in_(bindparam("ids", expanding=True)))
_FORGET = delete(outbox).where(outbox.c.number.in_(bindparam("numbers", expanding=True)))


def encode(server: Server) -> str:
    return _encode(server).decode()


def decode(record: str) -> Server:
    return _decoder.decode(record)


def add(tx: Connection, server: Server) -> None:
    """Write a new server down."""
    row = {"id": server.id, "revision": 1, "host_id": server.host_id, "deleted_at": server.terminated_at}
    tx.execute(_ADD, {**row, "record": encode(server)})
    tx.execute(_ANNOUNCE, {"server_id": server.id})


def find(tx: Connection, server_id: str) -> Server | None:
    record = tx.execute(_FIND, {"server_id": server_id}).scalar()
    return None if record is None else decode(record)


def change(tx: Connection, server_id: str, how: Callable[[Server], Server]) -> Server | None:
    """Read, change and write a server under its row's lock; None when there is none. No change, no write."""
    row = tx.execute(_FIND_TO_CHANGE, {"server_id": server_id}).first()
    if row is None:
        return None
    before = decode(row.record)
    after = how(before)
    if after != before:
        _write(tx, after, row.revision + 1)
        if msgspec.structs.replace(after, generation=before.generation) != before:
            tx.execute(_ANNOUNCE, {"server_id": server_id})  # no list shows a generation
    return after


def _write(tx: Connection, server: Server, revision: int) -> None:
    values = {
        "revision": revision,
        "host_id": server.host_id,
        "deleted_at": server.terminated_at if server.deleted else None,
        "record": encode(server),
    }
    tx.execute(_CHANGE, {**values, "server_id": server.id})


def on_host(tx: Connection, host_id: str) -> list[Server]:
    """Every server of a host that is not deleted."""
    where = (servers.c.host_id == host_id) & servers.c.deleted_at.is_(None)
    return [decode(record) for (record,) in tx.execute(select(servers.c.record).where(where))]


def existing(tx: Connection, server_ids: Sequence[str]) -> set[str]:
    """Which of these servers exist and are not deleted."""
    where = servers.c.id.in_(server_ids) & servers.c.deleted_at.is_(None)
    return set(tx.execute(select(servers.c.id).where(where)).scalars())


def announced(tx: Connection, most: int) -> tuple[list[int], list[tuple[Server, int]]]:
    """The numbers of the outbox's oldest lines, and the servers they speak of, each once with its revision."""
    lines = tx.execute(_ANNOUNCED, {"most": most}).all()
    ids = list({line.server_id for line in lines})
    numbers = [line.number for line in lines]
    rows = tx.execute(_RECORDS, {"ids": ids}) if ids else ()
    return numbers, [(decode(row.record), row.revision) for row in rows]


def forget_announced(tx: Connection, numbers: Sequence[int]) -> None:
    tx.execute(_FORGET, {"numbers": list(numbers)})


def deleted_before(tx: Connection, moment: float, most: int) -> list[str]:
    """Servers that were deleted before a moment, so many at most."""
    return list(tx.execute(select(servers.c.id).where(servers.c.deleted_at < moment).limit(most)).scalars())


def purge(tx: Connection, server_ids: Sequence[str]) -> None:
    """Remove servers as if they had never been."""
    tx.execute(delete(servers).where(servers.c.id.in_(server_ids)))
