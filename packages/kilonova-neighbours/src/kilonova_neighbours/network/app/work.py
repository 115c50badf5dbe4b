"""One request's circumstances: its transaction, who asks, the settings and the time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kilonova_kit.ids import new_uuid

from kilonova_neighbours.network.model.records import Actor, Record
from kilonova_neighbours.network.model.refusals import disallowed, not_found, stale_revision
from kilonova_neighbours.network.settings import NetworkSettings
from kilonova_neighbours.network.store import records
from kilonova_neighbours.network.store.kinds import Kind
from kilonova_neighbours.network.store.transactions import Tx


@dataclass(frozen=True, slots=True)
class Work:
    """Handed to every function of ``app``; ``if_revision`` is the revision that the client insists on."""

    tx: Tx
    actor: Actor
    settings: NetworkSettings
    now: str
    if_revision: int | None = None


def standard(work: Work, body: Record) -> Record:
    """What every new record has, under what the body says."""
    return {
        "id": new_uuid(),
        "description": "",
        "tags": [],
        **body,
        "project_id": body.get("project_id", work.actor.project_id),
        "revision_number": 1,
        "created_at": work.now,
        "updated_at": work.now,
    }


def require(work: Work, kind: Kind, record_id: str) -> Record:
    """The record, whoever owns it. Raises NotFound."""
    found = records.find(work.tx, kind, record_id)
    if found is None:
        raise not_found(kind.singular, record_id)
    return found


def require_seen(work: Work, kind: Kind, record_id: str) -> Record:
    """The record, if the actor may see it. Raises NotFound."""
    found = records.find_seen(work.tx, kind, record_id, work.actor)
    if found is None:
        raise not_found(kind.singular, record_id)
    return found


def require_own(work: Work, kind: Kind, record_id: str, verb: str) -> Record:
    """The record, to change it: NotFound when unseen, Forbidden when seen but another's, 412 at another revision."""
    records.lock(work.tx, kind, record_id)
    found = require_seen(work, kind, record_id)
    if not (work.actor.is_admin or work.actor.owns(found)):
        raise disallowed(f"{verb}_{kind.singular}")
    check_revision(work, kind, found)
    return found


def check_revision(work: Work, kind: Kind, record: Record) -> None:
    if work.if_revision is not None and record["revision_number"] != work.if_revision:
        raise stale_revision(kind.singular, work.if_revision)


def check_privileged(work: Work, verb: str, body: Iterable[str], names: Iterable[str]) -> None:
    """Refuse attributes that only an admin may set. ``verb`` is ``create_network``, say."""
    if not work.actor.is_admin:
        for name in sorted(set(names).intersection(body)):
            raise disallowed(verb, f"{verb}:{name}")
