"""How a host becomes part of the cloud: once, with a one-time token; after that it holds a key of its own."""

from __future__ import annotations

import logging
import secrets
from functools import partial

from kilonova_kit.database import Connection
from kilonova_kit.errors import Conflict, Forbidden, NotFound
from kilonova_kit.ids import new_uuid
from kilonova_messages import subjects
from kilonova_messages.joining import JoinAnswer, JoinRequest

from kilonova_compute.app.compute import Compute
from kilonova_compute.model.hosts import Host
from kilonova_compute.store import hosts as store

log = logging.getLogger(__name__)

TOKEN_SECONDS = 3600.0


async def new_token(compute: Compute, cell: str, valid_seconds: float = TOKEN_SECONDS) -> str:
    """A token that lets one host join this cell. Raises NotFound for an unknown cell."""
    if cell not in {known.name for known in compute.cells.all()}:
        raise NotFound(f"there is no cell {cell}")
    token, expires_at = secrets.token_urlsafe(32), compute.clock() + valid_seconds
    await compute.cells.database.write(lambda tx: store.add_join_token(tx, token, cell, expires_at))
    return token


async def join(compute: Compute, asked: JoinRequest) -> JoinAnswer:
    """Let a host in. Raises Forbidden for a bad token, Conflict when another host has that name."""
    now = compute.clock()
    host = await compute.cells.database.write(partial(_register, asked=asked, now=now))
    await compute.cells.get(host.cell).database.write(partial(_enter, host=host))
    publish, subscribe = subjects.host_permissions(host.cell, host.id)
    log.info("host %s joined %s", host.name, host.cell)
    return JoinAnswer(
        host_id=host.id,
        cell=host.cell,
        bus_url=compute.admission.bus_url,
        credentials=compute.admission.sign_host(host.name, asked.public_key, publish, subscribe),
    )


def _register(tx: Connection, asked: JoinRequest, now: float) -> Host:
    known = store.registered(tx, asked.hostname)
    if known is not None and known[2] != asked.public_key:
        raise Conflict(
            f"a host named {asked.hostname} has joined with another key: remove it first, or rename this one"
        )
    host_id = known[0] if known is not None else new_uuid()
    cell = store.use_join_token(tx, asked.token, host_id, now)
    if cell is None:
        raise Forbidden("the join token is unknown, spent or too old: ask for a new one with 'kilonova host token'")
    cell = known[1] if known is not None else cell
    number = store.register(tx, host_id, asked.hostname, cell, asked.public_key, now)
    return Host(id=host_id, name=asked.hostname, cell=cell, number=number, joined_at=now)


def _enter(tx: Connection, host: Host) -> None:
    if store.find(tx, host.id) is None:
        store.save(tx, host)
