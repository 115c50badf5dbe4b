"""Hosts: the registry and join tokens in the global database, the live state in the host's cell."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
from kilonova_kit.database import Connection
from sqlalchemy import delete, insert, select, update

from kilonova_compute.model.hosts import Host
from kilonova_compute.store.tables import host_registry, hosts, join_tokens

_decoder = msgspec.json.Decoder(Host)


def _text(host: Host) -> str:
    return msgspec.json.encode(host).decode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def add_join_token(tx: Connection, token: str, cell: str, expires_at: float) -> None:
    """Remember a one-time token, by its hash only."""
    tx.execute(insert(join_tokens).values(digest=_digest(token), cell=cell, expires_at=expires_at))


def use_join_token(tx: Connection, token: str, host_id: str, now: float) -> str | None:
    """Spend a token for a host; the cell it leads to, None when it is spent, expired or unknown.

    The same host may spend it again, so that a lost answer does no harm.
    """
    row = tx.execute(select(join_tokens).where(join_tokens.c.digest == _digest(token)).with_for_update()).first()
    if row is None or row.expires_at < now or row.used_by not in (None, host_id):
        return None
    tx.execute(update(join_tokens).where(join_tokens.c.digest == row.digest).values(used_by=host_id))
    cell: str = row.cell
    return cell


def registered(tx: Connection, name: str) -> tuple[str, str, str] | None:
    """(id, cell, public key) of the host of that name."""
    row = tx.execute(select(host_registry).where(host_registry.c.name == name)).first()
    return None if row is None else (row.id, row.cell, row.public_key)


def register(tx: Connection, host_id: str, name: str, cell: str, public_key: str, now: float) -> int:
    """Enter a host, or a new key for one that joins again; its number."""
    known = tx.execute(select(host_registry.c.number).where(host_registry.c.id == host_id)).scalar()
    if known is not None:
        tx.execute(update(host_registry).where(host_registry.c.id == host_id).values(public_key=public_key))
        return int(known)
    tx.execute(insert(host_registry).values(id=host_id, name=name, cell=cell, public_key=public_key, joined_at=now))
    return int(tx.execute(select(host_registry.c.number).where(host_registry.c.id == host_id)).scalar_one())


def unregister(tx: Connection, host_id: str) -> None:
    tx.execute(delete(host_registry).where(host_registry.c.id == host_id))


def save(tx: Connection, host: Host) -> None:
    """Write a host's live state."""
    values = {"name": host.name, "heard_at": host.heard_at, "record": _text(host)}
    if tx.execute(update(hosts).where(hosts.c.id == host.id).values(**values)).rowcount == 0:
        tx.execute(insert(hosts).values(id=host.id, **values))


def find(tx: Connection, host_id: str) -> Host | None:
    record = tx.execute(select(hosts.c.record).where(hosts.c.id == host_id)).scalar()
    return None if record is None else _decoder.decode(record)


def change(tx: Connection, host_id: str, how: Callable[[Host], Host]) -> Host | None:
    """Change one, with nobody else in between; None when there is none: its agent and operators write the same row."""
    record = tx.execute(select(hosts.c.record).where(hosts.c.id == host_id).with_for_update()).scalar()
    if record is None:
        return None
    changed = how(_decoder.decode(record))
    save(tx, changed)
    return changed


def all_hosts(tx: Connection) -> list[Host]:
    return [_decoder.decode(record) for (record,) in tx.execute(select(hosts.c.record).order_by(hosts.c.name))]


def remove(tx: Connection, host_id: str) -> None:
    tx.execute(delete(hosts).where(hosts.c.id == host_id))
