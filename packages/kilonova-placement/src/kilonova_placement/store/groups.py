"""Groups: a generation each, and the members, which are the live claims that name the group.

Whoever reads a group reads its generation FIRST, as with providers. A row is made by the first claim, and forgotten
when the group has had no claim for long; one that is made again starts above all the generations it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, exists, func, insert, select, update

from kilonova_placement.model.claims import ClaimState
from kilonova_placement.model.groups import GroupUse
from kilonova_placement.store.claims import in_chunks
from kilonova_placement.store.providers import Mark, announce_new
from kilonova_placement.store.tables import claim_groups, claims

_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_GENERATIONS = select(claim_groups.c.group_id, claim_groups.c.generation).where(claim_groups.c.group_id.in_(_IDS))
_LOCK = _GENERATIONS.order_by(claim_groups.c.group_id).with_for_update()
_COUNTS = select(claims.c.group_id, claims.c.host_id, claims.c.owner, func.count()).where(
    claims.c.state != ClaimState.RELEASED
)
_BY_MEMBER = (claims.c.group_id, claims.c.host_id, claims.c.owner)
_MEMBERS = _COUNTS.where(claims.c.group_id.in_(_IDS)).group_by(*_BY_MEMBER)
_ALL_MEMBERS = _COUNTS.where(claims.c.group_id.isnot(None)).group_by(*_BY_MEMBER)

_VALUES: dict[str, Any] = {"generation": bindparam("new"), "changed_at": bindparam("at")}
_MAKE = insert(claim_groups).values(group_id=bindparam("key"), **_VALUES)
_RAISE = update(claim_groups).where(claim_groups.c.group_id == bindparam("key")).values(**_VALUES)


def load_groups(tx: Connection, group_ids: Iterable[str]) -> list[GroupUse]:
    """Those of the groups that exist, with their members."""
    found: list[GroupUse] = []
    for chunk in in_chunks(sorted(group_ids)):
        generations = tx.execute(_GENERATIONS, {"ids": chunk}).all()
        found += _with_members(generations, tx.execute(_MEMBERS, {"ids": chunk}).all())
    return found


def load_all_groups(tx: Connection) -> list[GroupUse]:
    """Every group."""
    generations = tx.execute(select(claim_groups.c.group_id, claim_groups.c.generation)).all()
    return _with_members(generations, tx.execute(_ALL_MEMBERS).all())


def _with_members(generations: Iterable[Any], members: Iterable[Any]) -> list[GroupUse]:
    found = {key: GroupUse(group_id=key, generation=generation, members={}) for key, generation in generations}
    for group_id, host_id, owner, count in members:
        if group_id in found:  # else its first claim came after the generations were read: it is unknown as yet
            found[group_id].members.setdefault(host_id, {})[owner] = count
    return list(found.values())


def lock_groups(tx: Connection, group_ids: Iterable[str]) -> dict[str, int]:
    """The generations of these groups (none for one that is not known), which others leave alone until this ends.

    The order of locks is the same everywhere: claims, then groups, then providers, each in the order of their ids.
    """
    found: dict[str, int] = {}
    for chunk in in_chunks(sorted(group_ids)):
        found.update({row.group_id: row.generation for row in tx.execute(_LOCK, {"ids": chunk})})
    return found


def raise_groups(
    tx: Connection, group_ids: Iterable[str], locked: Mapping[str, int], mark: Mark
) -> dict[str, tuple[int, int]]:
    """Raise the generations of locked groups, make those that are new, tell others; say each before and after."""
    raised: dict[str, tuple[int, int]] = {}
    for key in sorted(group_ids):
        told = announce_new(tx, mark, group_id=key)
        raised[key] = (locked.get(key, 0), locked[key] + 1 if key in locked else told)
    rows = [{"key": key, "new": after, "at": mark.now} for key, (_, after) in raised.items()]
    new, known = [row for row in rows if row["key"] not in locked], [row for row in rows if row["key"] in locked]
    if new:
        tx.execute(_MAKE, new)
    if known:
        tx.execute(_RAISE, known)
    return raised


def touch_groups(tx: Connection, group_ids: Iterable[str], mark: Mark) -> None:
    """Lock groups and raise their generations, before their claims change in this transaction."""
    wanted = set(group_ids)
    raise_groups(tx, wanted, lock_groups(tx, wanted), mark)


def forget_groups(tx: Connection, before: float) -> int:
    """Remove groups that have had no claim since a time; say how many."""
    has_members = exists().where(claims.c.group_id == claim_groups.c.group_id, claims.c.state != ClaimState.RELEASED)
    return tx.execute(delete(claim_groups).where(claim_groups.c.changed_at < before, ~has_members)).rowcount
