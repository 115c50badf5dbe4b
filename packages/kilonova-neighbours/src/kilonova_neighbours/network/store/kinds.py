"""Kinds of records: which table, which attributes, and the filters that are more than a column's value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kilonova_kit.database import Json
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Integer,
    Table,
    and_,
    bindparam,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
)

from kilonova_neighbours.network.model.refusals import invalid_input
from kilonova_neighbours.network.store import tables

Filter = Callable[[Sequence[str]], ColumnElement[bool]]

#: Public names that a column cannot have.
_PUBLIC = {
    "router_external": "router:external",
    **{f"binding_{name}": f"binding:{name}" for name in ("host_id", "vnic_type", "profile", "vif_type", "vif_details")},
    **{f"provider_{name}": f"provider:{name}" for name in ("network_type", "physical_network", "segmentation_id")},
}


#: Tags in one filter: SQLite takes no condition of a thousand parts.
_MOST_TAGS = 500


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One resource's way between records and rows."""

    singular: str
    table: Table
    filters: Mapping[str, Filter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {_PUBLIC.get(column.name, column.name): column for column in self.table.columns}
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "names", tuple(columns))
        object.__setattr__(self, "select", select(*columns.values()))

    columns: Mapping[str, Column[Any]] = field(init=False)
    names: tuple[str, ...] = field(init=False)
    select: Any = field(init=False)
    #: Statements that were made once: to make one costs more than to run it.
    made: dict[str, Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    def by(self, name: str) -> Any:
        """The select of all records whose attribute is ``:value``, the oldest first."""
        if (statement := self.made.get(name)) is None:
            condition = self.columns[name] == bindparam("value")
            statement = self.select.where(condition).order_by(self.table.c.created_at, self.table.c.id)
            self.made[name] = statement
        return statement

    @cached_property
    def insert(self) -> Any:
        return insert(self.table)

    @cached_property
    def count_of_project(self) -> Any:
        """How many a project has: ``:project_id``."""
        condition = self.columns["project_id"] == bindparam("project_id")
        return select(func.count()).select_from(self.table).where(condition)


def condition_of(kind: Kind, name: str, values: Sequence[str]) -> ColumnElement[bool] | None:
    """A filter as SQL; None for a name that filters nothing. Raises BadRequest for a value of another type."""
    if name in kind.filters:
        return kind.filters[name](values)
    if name in _TAG_FILTERS:
        return _TAG_FILTERS[name](kind, _split(values))
    column = kind.columns.get("project_id" if name == "tenant_id" else name)
    if name == "changed_since":
        return kind.columns["updated_at"] >= values[0]
    if column is None or isinstance(column.type, Json):
        return None
    wanted = [_value(column, value) for value in values]
    return column == wanted[0] if len(wanted) == 1 else column.in_(wanted)


def is_true(text: str) -> bool:
    """Raises BadRequest for what is no yes and no no."""
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise invalid_input(f"'{text}' cannot be converted to boolean")


def _value(column: Column[Any], text: str) -> Any:
    if isinstance(column.type, Boolean):
        return is_true(text)
    if isinstance(column.type, Integer):
        try:
            return int(text)
        except ValueError:
            raise invalid_input(f"'{text}' is not an integer") from None
    return text


def _split(values: Sequence[str]) -> list[str]:
    """The tags asked for. Raises BadRequest for more than a database can be asked about at once."""
    tags = list(dict.fromkeys(part for value in values for part in value.split(",")))
    if len(tags) > _MOST_TAGS:
        raise invalid_input(f"a list can be asked for {_MOST_TAGS} tags at once")
    return tags


def _has_tag(kind: Kind, tag: str) -> ColumnElement[bool]:
    return exists().where(tables.tags.c.resource_id == kind.columns["id"], tables.tags.c.tag == tag)


def _all_tags(kind: Kind, values: Sequence[str]) -> ColumnElement[bool]:
    return and_(*(_has_tag(kind, tag) for tag in values))


def _any_tag(kind: Kind, values: Sequence[str]) -> ColumnElement[bool]:
    return or_(*(_has_tag(kind, tag) for tag in values))


_TAG_FILTERS: dict[str, Callable[[Kind, Sequence[str]], ColumnElement[bool]]] = {
    "tags": _all_tags,
    "tags-any": _any_tag,
    "not-tags": lambda kind, values: not_(_all_tags(kind, values)),
    "not-tags-any": lambda kind, values: not_(_any_tag(kind, values)),
}


def _fixed_ips(values: Sequence[str]) -> ColumnElement[bool]:
    """``ip_address=A``, ``subnet_id=S``, ``ip_address_substr=T``: values of one word are alternatives."""
    given: dict[str, list[str]] = {}
    for value in values:
        word, _, wanted = value.partition("=")
        given.setdefault(word.strip(), []).append(wanted.strip("'\" "))
    allocations = tables.address_allocations.c
    conditions: list[ColumnElement[bool]] = [allocations.port_id == tables.ports.c.id]
    if "ip_address" in given:
        conditions.append(allocations.address.in_(given["ip_address"]))
    if "subnet_id" in given:
        conditions.append(allocations.subnet_id.in_(given["subnet_id"]))
    if "ip_address_substr" in given:
        conditions.append(or_(*(allocations.address.contains(t, autoescape=True) for t in given["ip_address_substr"])))
    return exists().where(*conditions)


def _groups_of_ports(values: Sequence[str]) -> ColumnElement[bool]:
    members = tables.port_security_groups.c
    return exists().where(members.port_id == tables.ports.c.id, members.security_group_id.in_(list(values)))


NETWORK = Kind(singular="network", table=tables.networks)
SUBNET = Kind(singular="subnet", table=tables.subnets)
PORT = Kind(
    singular="port",
    table=tables.ports,
    filters={"fixed_ips": _fixed_ips, "security_groups": _groups_of_ports, "security_group_id": _groups_of_ports},
)
SECURITY_GROUP = Kind(singular="security_group", table=tables.security_groups)
SECURITY_GROUP_RULE = Kind(singular="security_group_rule", table=tables.security_group_rules)
SUBNETPOOL = Kind(singular="subnetpool", table=tables.subnetpools)
ADDRESS_SCOPE = Kind(singular="address_scope", table=tables.address_scopes)
RBAC_POLICY = Kind(singular="rbac_policy", table=tables.rbac_policies)
ROUTER = Kind(singular="router", table=tables.routers)
KINDS = (NETWORK, SUBNET, PORT, SECURITY_GROUP, SECURITY_GROUP_RULE, SUBNETPOOL, ADDRESS_SCOPE, RBAC_POLICY, ROUTER)
