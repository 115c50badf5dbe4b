"""The server index in the global database: what lists are served from, so that a list never fans out to cells.

Fed by the cells' outboxes. A row is replaced only by one of a higher revision, so a late or doubled line does no harm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from kilonova_kit.database import Connection, Upsert
from sqlalchemy import ColumnElement, Select, and_, bindparam, case, delete, false, func, not_, or_, select

from kilonova_compute.model.listing import ServerFilter, ServerOrder
from kilonova_compute.model.servers import Server
from kilonova_compute.store.servers import decode, encode
from kilonova_compute.store.tables import server_index as index

#: The cell of servers that found no host (cells/cells.py, CELL0).
_NOWHERE = "cell0"
_UNIT, _PAIR = "\x1f", "\x1e"

# Made once: to build a statement of forty columns costs more than to run it.
_ENTER = Upsert(index, rising="revision")
_FIND = select(index.c.record).where(index.c.id == bindparam("server_id"))
_CELL = select(index.c.cell).where(index.c.id == bindparam("server_id"))


def _row(server: Server, revision: int) -> dict[str, Any]:
    return {
        "id": server.id,
        "cell": server.cell,
        "revision": revision,
        "project_id": server.project_id,
        "user_id": server.user_id,
        "name": server.name,
        "hostname": server.hostname,
        "vm_state": server.vm_state.value,
        "task_state": server.task_state.value if server.task_state else None,
        "power": server.power.value,
        "host": server.host,
        "host_id": server.host_id,
        "node": server.node,
        "image_id": server.image.image_id if server.image else "",
        "flavor_id": server.flavor.flavor_id,
        "created_at": server.created_at,
        "updated_at": server.updated_at,
        "launched_at": server.launched_at,
        "terminated_at": server.terminated_at,
        "deleted": server.deleted,
        "locked": server.locked,
        "availability_zone": server.availability_zone,
        "key_name": server.key_name,
        "config_drive": server.config_drive,
        "access_ip_v4": server.access_ip_v4 or None,
        "access_ip_v6": server.access_ip_v6 or None,
        "reservation_id": server.reservation_id,
        "description": server.description,
        "launch_index": server.launch_index,
        "progress": server.progress,
        "addresses": "".join(f" {address.ip_address}" for address in server.addresses) + " ",
        "tags": "".join(f"{_UNIT}{tag}" for tag in server.tags) + _UNIT,
        "metadata": "".join(f"{_UNIT}{key}{_PAIR}{value}" for key, value in server.metadata.items()) + _UNIT,
        "vcpus": server.flavor.vcpus,
        "ram": server.flavor.ram,
        "record": encode(server),
    }


def put(tx: Connection, entries: Sequence[tuple[Server, int]]) -> None:
    """Enter servers, each as of a revision; one that is older than what is there is dropped."""
    in_order = sorted(entries, key=lambda entry: entry[0].id)  # so that two controllers cannot block each other
    _ENTER.put(tx, [_row(server, revision) for server, revision in in_order])


def find(tx: Connection, server_id: str) -> Server | None:
    record = tx.execute(_FIND, {"server_id": server_id}).scalar()
    return None if record is None else decode(record)


def cell_of(tx: Connection, server_id: str) -> str | None:
    return tx.execute(_CELL, {"server_id": server_id}).scalar()


def remove(tx: Connection, server_ids: Sequence[str]) -> None:
    tx.execute(delete(index).where(index.c.id.in_(server_ids)))


def listed(
    tx: Connection, wanted: ServerFilter, order: Sequence[ServerOrder], marker: Server | None, limit: int | None
) -> list[Server]:
    """One page, by keyset: what follows the marker in this order."""
    columns = [*order, ServerOrder("id", order[-1].descending)] if order[-1].column != "id" else list(order)
    query = select(index.c.record).where(*_conditions(wanted))
    if marker is not None:
        query = query.where(_after(columns, _row(marker, 0)))
    query = query.order_by(*(_ordered(key) for key in columns))
    return [decode(record) for (record,) in tx.execute(query.limit(limit) if limit is not None else query)]


def _ordered(key: ServerOrder) -> ColumnElement[Any]:
    column = index.c[key.column]
    return column.desc().nulls_last() if key.descending else column.asc().nulls_first()


def _after(columns: Sequence[ServerOrder], row: dict[str, Any]) -> ColumnElement[bool]:
    """Strictly behind the marker's row: (a > x) or (a = x and b > y) and so on, NULL being the smallest."""
    cases = []
    for place, key in enumerate(columns):
        same = [_same(index.c[earlier.column], row[earlier.column]) for earlier in columns[:place]]
        cases.append(and_(*same, _behind(key, row[key.column])))
    return or_(*cases)


def _same(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def _behind(key: ServerOrder, value: Any) -> ColumnElement[bool]:
    column = index.c[key.column]
    if key.descending:
        return false() if value is None else or_(column < value, column.is_(None))
    return column.is_not(None) if value is None else column > value


def _conditions(wanted: ServerFilter) -> Iterator[ColumnElement[bool]]:
    yield from _equalities(wanted)
    yield from _times(wanted)
    yield from _patterns(wanted)
    yield from _members(wanted)


def _equalities(wanted: ServerFilter) -> Iterator[ColumnElement[bool]]:
    for name in (
        "project_id", "user_id", "hostname", "power", "host", "node", "image_id", "flavor_id", "deleted", "locked",
        "availability_zone", "key_name", "config_drive", "reservation_id", "access_ip_v4", "access_ip_v6",
        "launch_index", "progress", "created_at", "launched_at", "terminated_at",
    ):  # fmt: skip
        if (value := getattr(wanted, name)) is not None:
            yield index.c[name] == value
    for name, values in (("id", wanted.ids), ("cell", wanted.cells), ("vm_state", wanted.vm_states)):
        if values is not None:
            yield index.c[name].in_(values)
    if wanted.task_states is not None:
        named = [state for state in wanted.task_states if state is not None]
        none_too = index.c.task_state.is_(None) if None in wanted.task_states else false()
        yield or_(index.c.task_state.in_(named), none_too)


def _times(wanted: ServerFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.changed_since is not None:
        yield index.c.updated_at >= wanted.changed_since
    if wanted.changed_before is not None:
        yield index.c.updated_at < math.floor(wanted.changed_before) + 1  # times are shown in whole seconds


def _patterns(wanted: ServerFilter) -> Iterator[ColumnElement[bool]]:
    pairs = (
        (index.c.name, wanted.name_pattern),
        (index.c.description, wanted.description_pattern),
    )
    for column, pattern in pairs:
        if pattern is not None:
            yield column.regexp_match(pattern)
    for pattern in (wanted.ipv4_pattern, wanted.ipv6_pattern):
        if pattern is not None:  # the pattern is about one address; "^" and "$" mean its ends
            inner = pattern.removeprefix("^").removesuffix("$")
            head, tail = (" " if pattern.startswith("^") else ""), (" " if pattern.endswith("$") else "")
            yield index.c.addresses.regexp_match(f"{head}{inner}{tail}")


def _has(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.contains(f"{_UNIT}{text}{_UNIT}", autoescape=True)


def _members(wanted: ServerFilter) -> Iterator[ColumnElement[bool]]:
    for tag in wanted.all_tags:
        yield _has(index.c.tags, tag)
    if wanted.any_tags:
        yield or_(*(_has(index.c.tags, tag) for tag in wanted.any_tags))
    if wanted.not_all_tags:
        yield not_(and_(*(_has(index.c.tags, tag) for tag in wanted.not_all_tags)))
    if wanted.not_any_tags:
        yield not_(or_(*(_has(index.c.tags, tag) for tag in wanted.not_any_tags)))
    for key, value in wanted.metadata.items():
        yield _has(index.c.metadata, f"{key}{_PAIR}{value}")


def in_period(
    tx: Connection, start: float, stop: float, project_id: str | None, marker: Server | None, limit: int | None
) -> list[Server]:
    """Servers, also deleted ones, that were there between two moments; from behind the marker on."""
    order = [ServerOrder("launched_at", False), ServerOrder("id", False)]
    query = select(index.c.record).where(
        or_(index.c.terminated_at.is_(None), index.c.terminated_at > start), index.c.launched_at < stop
    )
    if project_id is not None:
        query = query.where(index.c.project_id == project_id)
    if marker is not None:
        query = query.where(_after(order, _row(marker, 0)))
    query = query.order_by(*(_ordered(key) for key in order))
    return [decode(record) for (record,) in tx.execute(query.limit(limit) if limit is not None else query)]


def usage(tx: Connection, project_id: str, user_id: str = "") -> tuple[int, int, int]:
    """(servers, vCPUs, MiB of memory) of a project, or of a user in it, that are not deleted.

    What found no host is a server, and holds nothing.
    """
    vcpus, ram = (
        func.sum(case((index.c.cell == _NOWHERE, 0), else_=column)) for column in (index.c.vcpus, index.c.ram)
    )
    query: Select[Any] = select(func.count(), func.coalesce(vcpus, 0), func.coalesce(ram, 0)).where(
        index.c.project_id == project_id, index.c.deleted.is_(False)
    )
    if user_id:
        query = query.where(index.c.user_id == user_id)
    found = tx.execute(query).one()
    return found[0], found[1], found[2]


def count_by_host(tx: Connection) -> dict[str, int]:
    """How many servers each host has."""
    where = index.c.deleted.is_(False) & index.c.host_id.is_not(None)
    query = select(index.c.host_id, func.count().label("servers")).where(where).group_by(index.c.host_id)
    return {row.host_id: row.servers for row in tx.execute(query)}
