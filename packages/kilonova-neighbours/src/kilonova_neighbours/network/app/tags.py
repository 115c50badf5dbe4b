"""Tags: words on a resource, at most 60 characters each (neutron/extensions/tagging.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kilonova_kit.errors import NotFound

from kilonova_neighbours.network.app.work import Work, require_own, require_seen
from kilonova_neighbours.network.model.records import Record
from kilonova_neighbours.network.store import records
from kilonova_neighbours.network.store.kinds import Kind


def list_tags(work: Work, kind: Kind, record_id: str) -> list[str]:
    return list(require_seen(work, kind, record_id)["tags"] or [])


def has_tag(work: Work, kind: Kind, record_id: str, tag: str) -> None:
    if tag not in list_tags(work, kind, record_id):
        raise _tag_not_found(tag)


def replace(work: Work, kind: Kind, record_id: str, wanted: Iterable[str]) -> list[str]:
    return _change(work, kind, record_id, lambda _: set(wanted))


def add(work: Work, kind: Kind, record_id: str, wanted: Iterable[str]) -> list[str]:
    return _change(work, kind, record_id, lambda present: present | set(wanted))


def remove(work: Work, kind: Kind, record_id: str, tag: str) -> None:
    def without(present: set[str]) -> set[str]:
        if tag not in present:
            raise _tag_not_found(tag)
        return present - {tag}

    _change(work, kind, record_id, without)


def _change(work: Work, kind: Kind, record_id: str, how: Callable[[set[str]], set[str]]) -> list[str]:
    record: Record = require_own(work, kind, record_id, "update")
    wanted = sorted(how(set(record["tags"] or [])))
    records.set_tags(work.tx, kind, record_id, wanted, work.now)
    return wanted


def _tag_not_found(tag: str) -> Exception:
    return NotFound(f"Tag {tag} could not be found.", kind="TagNotFound")
