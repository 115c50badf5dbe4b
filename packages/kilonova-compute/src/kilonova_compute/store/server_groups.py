"""Server groups and their members in the global database.

A membership is written with the request, before its server is. So a member is there when the index has its server and
does not call it deleted, or when it is too young to be in the index: what a crash left behind ages away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from kilonova_kit.database import Connection
from sqlalchemy import ColumnElement, delete, func, insert, select

from kilonova_compute.model.server_groups import ServerGroup
from kilonova_compute.store.tables import server_group_members as members
from kilonova_compute.store.tables import server_groups
from kilonova_compute.store.tables import server_index as index

_decoder = msgspec.json.Decoder(ServerGroup)
#: For how long a server may be on its way into the index.
_YOUNG_SECONDS = 60.0


def add(tx: Connection, group: ServerGroup) -> None:
    record = msgspec.json.encode(group).decode()
    tx.execute(insert(server_groups).values(id=group.id, project_id=group.project_id, record=record))


def find(tx: Connection, group_id: str) -> ServerGroup | None:
    """The group without its members."""
    record = tx.execute(select(server_groups.c.record).where(server_groups.c.id == group_id)).scalar()
    return None if record is None else _decoder.decode(record)


def find_to_join(tx: Connection, group_id: str) -> ServerGroup | None:
    """As ``find``, with nobody else joining in between."""
    query = select(server_groups.c.record).where(server_groups.c.id == group_id).with_for_update()
    record = tx.execute(query).scalar()
    return None if record is None else _decoder.decode(record)


def listed(tx: Connection, project_id: str | None, start: int, most: int) -> list[ServerGroup]:
    """Those of a project, or all, the oldest first, without their members."""
    query = select(server_groups.c.record).order_by(server_groups.c.number).offset(start).limit(most)
    if project_id is not None:
        query = query.where(server_groups.c.project_id == project_id)
    return [_decoder.decode(record) for (record,) in tx.execute(query)]


def count(tx: Connection, project_id: str) -> int:
    return tx.execute(select(func.count()).where(server_groups.c.project_id == project_id)).scalar_one()


def remove(tx: Connection, group_id: str) -> None:
    tx.execute(delete(server_groups).where(server_groups.c.id == group_id))
    tx.execute(delete(members).where(members.c.group_id == group_id))


# --- members


def join(tx: Connection, group_id: str, user_id: str, server_ids: Sequence[str], now: float) -> None:
    rows = [{"server_id": one, "group_id": group_id, "user_id": user_id, "joined_at": now} for one in server_ids]
    tx.execute(insert(members), rows)


def _there(now: float) -> ColumnElement[bool]:
    """Whether a member, joined with the index from the left, is there."""
    return index.c.deleted.is_(False) | (index.c.id.is_(None) & (members.c.joined_at > now - _YOUNG_SECONDS))


def _of(where: ColumnElement[bool], now: float, *columns: Any) -> Any:
    joined = members.outerjoin(index, index.c.id == members.c.server_id)
    return select(*columns).select_from(joined).where(where, _there(now))


def members_of(tx: Connection, group_ids: Iterable[str], now: float) -> dict[str, tuple[str, ...]]:
    """Group to the ids of its servers, in the order in which they joined."""
    found: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
    query = _of(members.c.group_id.in_(list(found)), now, members.c.group_id, members.c.server_id)
    for row in tx.execute(query.order_by(members.c.joined_at, members.c.server_id)):
        found[row.group_id].append(row.server_id)
    return {group_id: tuple(ids) for group_id, ids in found.items()}


def by_cell(tx: Connection, server_ids: Sequence[str]) -> dict[str, list[str]]:
    """The cell of each of these servers that the index has: cell to servers."""
    found: dict[str, list[str]] = {}
    for row in tx.execute(select(index.c.cell, index.c.id).where(index.c.id.in_(server_ids))):
        found.setdefault(row.cell, []).append(row.id)
    return found


def count_members(tx: Connection, group_id: str, user_id: str, now: float) -> int:
    """How many servers of a user are in a group."""
    where = (members.c.group_id == group_id) & (members.c.user_id == user_id)
    return int(tx.execute(_of(where, now, func.count())).scalar_one())


def group_of(tx: Connection, server_id: str) -> str | None:
    """The id of the group that a server is in."""
    return tx.execute(select(members.c.group_id).where(members.c.server_id == server_id)).scalar()


def forget_members(tx: Connection, server_ids: Sequence[str]) -> None:
    tx.execute(delete(members).where(members.c.server_id.in_(server_ids)))


def forget_strays(tx: Connection, before: float) -> None:
    """Remove memberships that were written before a moment and never came to a server."""
    known = select(index.c.id).where(index.c.id == members.c.server_id)
    tx.execute(delete(members).where(members.c.joined_at < before, ~known.exists()))
