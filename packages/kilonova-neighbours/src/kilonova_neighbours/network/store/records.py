"""Reading and writing records of any kind: one row each, with revision numbers, sorting and keyset paging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from kilonova_kit.database import Json
from sqlalchemy import ColumnElement, Select, and_, delete, false, func, insert, not_, or_, select, true, update

from kilonova_neighbours.network.model.records import Actor, ListQuery, Record
from kilonova_neighbours.network.model.refusals import bad_request, not_found
from kilonova_neighbours.network.store import tables
from kilonova_neighbours.network.store.kinds import (
    NETWORK,
    PORT,
    SECURITY_GROUP_RULE,
    SUBNET,
    Kind,
    condition_of,
    is_true,
)
from kilonova_neighbours.network.store.transactions import Tx, in_chunks


def _record(kind: Kind, row: Sequence[Any]) -> Record:
    return dict(zip(kind.names, row, strict=True))


def _columns(record: Record) -> dict[str, Any]:
    return {name.replace(":", "_"): value for name, value in record.items()}


def add(tx: Tx, kind: Kind, record: Record) -> None:
    tx.execute(kind.insert, [_columns(record)])


def find(tx: Tx, kind: Kind, record_id: str) -> Record | None:
    row = tx.execute(kind.by("id"), {"value": record_id}).first()
    return None if row is None else _record(kind, row)


def find_seen(tx: Tx, kind: Kind, record_id: str, actor: Actor) -> Record | None:
    row = tx.execute(kind.select.where(kind.table.c.id == record_id, visible_to(kind, actor))).first()
    return None if row is None else _record(kind, row)


def lock(tx: Tx, kind: Kind, record_id: str) -> None:
    """Hold the row until the transaction ends, so that what is read next stays true. SQLite has one writer anyway."""
    if tx.dialect.name != "sqlite":
        tx.execute(select(kind.table.c.id).where(kind.table.c.id == record_id).with_for_update()).first()


def find_by(tx: Tx, kind: Kind, name: str, values: Iterable[Any]) -> list[Record]:
    """All records whose attribute has one of the values, oldest first."""
    wanted, column = list(values), kind.columns[name]
    if not wanted:
        return []
    if len(wanted) == 1:
        return [_record(kind, row) for row in tx.execute(kind.by(name), {"value": wanted[0]})]
    found = [
        _record(kind, row) for chunk in in_chunks(wanted) for row in tx.execute(kind.select.where(column.in_(chunk)))
    ]
    return sorted(found, key=lambda record: (record["created_at"], record["id"]))


def count(tx: Tx, kind: Kind, name: str, value: Any) -> int:
    return int(tx.execute(select(func.count()).select_from(kind.table).where(kind.columns[name] == value)).scalar_one())


def change(tx: Tx, kind: Kind, record_id: str, changes: Record, now: str) -> None:
    """Write changes; the revision goes up by one, also when nothing else changes."""
    table = kind.table
    values = _columns(changes) | {"updated_at": now, "revision_number": table.c.revision_number + 1}
    tx.execute(update(table).where(table.c.id == record_id).values(values))


def remove(tx: Tx, kind: Kind, record_id: str) -> None:
    tx.execute(delete(tables.tags).where(tables.tags.c.resource_id == record_id))
    tx.execute(delete(kind.table).where(kind.table.c.id == record_id))


def set_tags(tx: Tx, kind: Kind, record_id: str, wanted: Sequence[str], now: str) -> None:
    tx.execute(delete(tables.tags).where(tables.tags.c.resource_id == record_id))
    if wanted:
        tx.execute(insert(tables.tags), [{"resource_id": record_id, "tag": tag} for tag in wanted])
    change(tx, kind, record_id, {"tags": list(wanted)}, now)


def visible_to(kind: Kind, actor: Actor) -> ColumnElement[bool]:
    """Own, shared and external things; everything for those who are trusted."""
    if actor.is_trusted:
        return true()
    own = kind.columns["project_id"] == actor.project_id if actor.project_id else false()  # gateway ports are nobody's
    if kind is NETWORK:
        return or_(own, network_is_open_to(actor.project_id))
    if kind in (SUBNET, PORT):
        networks = tables.networks.c
        mine = networks.project_id == actor.project_id
        seen = or_(mine, network_is_shared_with(actor.project_id)) if kind is SUBNET else mine
        return or_(own, kind.columns["network_id"].in_(select(networks.id).where(seen)))
    if kind is SECURITY_GROUP_RULE:
        groups = select(tables.security_groups.c.id).where(tables.security_groups.c.project_id == actor.project_id)
        return or_(own, kind.columns["security_group_id"].in_(groups))
    if "shared" in kind.columns:
        return or_(own, kind.columns["shared"].is_(True))
    return own


def network_is_open_to(project_id: str) -> ColumnElement[bool]:
    """Shared or external, for all or for this project."""
    networks = tables.networks.c
    to_me = _opened_to(project_id, ("access_as_shared", "access_as_external"))
    return or_(networks.shared.is_(True), networks.router_external.is_(True), networks.id.in_(to_me))


def network_is_shared_with(project_id: str) -> ColumnElement[bool]:
    """Shared, for all or for this project: then its subnets are seen too, which those of external networks are not."""
    networks = tables.networks.c
    return or_(networks.shared.is_(True), networks.id.in_(_opened_to(project_id, ("access_as_shared",))))


def _is_shared(actor: Actor, wanted: bool) -> ColumnElement[bool]:
    """``shared`` as this actor is shown it."""
    shared = network_is_shared_with(actor.project_id)
    return shared if wanted else not_(shared)


def _opened_to(project_id: str, actions: Sequence[str]) -> Select[tuple[str]]:
    shares = tables.rbac_policies.c
    return select(shares.object_id).where(shares.target_tenant == project_id, shares.action.in_(actions))


def list_records(tx: Tx, kind: Kind, actor: Actor, asked: ListQuery) -> list[Record]:
    """One page, in the order that was asked for. Raises BadRequest for a sort key, NotFound for a marker."""
    conditions = [visible_to(kind, actor)]
    for name, values in asked.filters.items():
        condition = condition_of(kind, name, values)
        if kind is NETWORK and name == "shared":
            condition = or_(*(_is_shared(actor, is_true(value)) for value in values))
        if condition is not None:
            conditions.append(condition)
    order = _order(kind, asked)
    if asked.marker is not None:
        conditions.append(_after(order, _marker(tx, kind, asked.marker, actor)))
    keys = [key.column.asc() if key.ascending else key.column.desc() for key in order]
    statement = kind.select.where(*conditions).order_by(*keys)
    if asked.limit is not None:
        statement = statement.limit(asked.limit)
    records = [_record(kind, row) for row in tx.execute(statement)]
    return records[::-1] if asked.page_reverse else records


class _Key(NamedTuple):
    """One sort key. A value that is missing sorts as ``missing``."""

    name: str
    column: ColumnElement[Any]
    missing: Any
    ascending: bool


def _order(kind: Kind, asked: ListQuery) -> list[_Key]:
    """The asked keys, then the id, so that the order is total; the other way round for a page before the marker."""
    names = [name for name, _ in asked.sort]
    full = asked.sort if "id" in names else (*asked.sort, ("id", True))
    return [_key(kind, name, ascending != asked.page_reverse) for name, ascending in full]


def _key(kind: Kind, name: str, ascending: bool) -> _Key:
    name = "project_id" if name == "tenant_id" else name
    column = kind.columns.get(name)
    if column is None or isinstance(column.type, Json):
        raise bad_request(f"['{name}'] is invalid attribute for sort keys")
    missing = "" if column.type.python_type is str else 0
    return _Key(name, func.coalesce(column, missing) if column.nullable else column, missing, ascending)


def _marker(tx: Tx, kind: Kind, marker: str, actor: Actor) -> Record:
    """The record behind which the page begins; where a stranger's stands among the own ones is nobody's business."""
    found = find_seen(tx, kind, marker, actor)
    if found is None:
        raise not_found(kind.singular, marker)
    return found


def _after(order: Sequence[_Key], marker: Record) -> ColumnElement[bool]:
    """Everything behind the marker: (a > x) or (a = x and b > y) and so on."""
    same: list[ColumnElement[bool]] = []
    steps: list[ColumnElement[bool]] = []
    for key in order:
        at = key.missing if marker[key.name] is None else marker[key.name]
        steps.append(and_(*same, key.column > at if key.ascending else key.column < at))
        same.append(key.column == at)
    return or_(*steps)
