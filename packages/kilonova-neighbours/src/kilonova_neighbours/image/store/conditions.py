"""A listing as SQL: who may see what, the filters, the order, and where the page begins."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select

from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.listing import Condition, Listing
from kilonova_neighbours.image.store.tables import images, members, properties, tags

Where = ColumnElement[bool]

_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gte": operator.ge,
    "lte": operator.le,
}


def page_query(listing: Listing, caller: Caller, marker: Mapping[Any, Any] | None) -> Select[Any]:
    """The query of one page and one image more."""
    wheres = [_visible(listing, caller), images.c.os_hidden == listing.os_hidden]
    wheres += [_condition(condition) for condition in listing.conditions]
    wheres += [_has_property(name, value) for name, value in listing.properties]
    wheres += [_has_tag(tag) for tag in listing.tags]
    if marker is not None:
        wheres.append(_after(listing, marker))
    keys = [_key(column).desc() if descending else _key(column).asc() for column, descending in listing.order]
    return select(images).where(*wheres).order_by(*keys).limit(listing.limit + 1)


def marker_query(image_id: str, caller: Caller) -> Select[Any]:
    """The image behind which a page begins; where a stranger's stands among the own ones is nobody's business."""
    seen = _visible(Listing(visibility="all", member_status="all"), caller)
    return select(images).where(images.c.id == image_id, seen)


def _visible(listing: Listing, caller: Caller) -> Where:
    """Glance's rules (db/sqlalchemy/api.py, _select_images_query), and community images only when asked for."""
    own = images.c.owner == caller.project_id if caller.project_id else false()
    asked = listing.visibility
    if caller.is_admin:
        seen: Where = images.c.id.is_not(None)
    else:
        seen = or_(images.c.visibility.in_(("public", "community")), own, _shared_with(caller, listing.member_status))
    if asked is None:
        return and_(seen, or_(images.c.visibility != "community", own))
    return seen if asked == "all" else and_(seen, images.c.visibility == asked)


def _shared_with(caller: Caller, status: str) -> Where:
    wheres = [members.c.image_id == images.c.id, members.c.member_id == caller.project_id]
    if status != "all":
        wheres.append(members.c.status == status)
    return and_(images.c.visibility == "shared", exists().where(*wheres))


def _has_tag(tag: str) -> Where:
    return exists().where(tags.c.image_id == images.c.id, tags.c.tag == tag)


def _has_property(name: str, value: str) -> Where:
    return exists().where(properties.c.image_id == images.c.id, properties.c.name == name, properties.c.value == value)


def _condition(condition: Condition) -> Where:
    column: ColumnElement[Any] = images.c[condition.column]
    value = condition.value
    if condition.operator == "in":
        assert isinstance(value, tuple)
        return column.in_(value)
    if isinstance(value, float):
        return _in_time(column, condition.operator, math.floor(value))
    compared: Where = _COMPARISONS[condition.operator](column, value)
    return compared


def _in_time(column: ColumnElement[Any], comparison: str, second: int) -> Where:
    """Times are shown in whole seconds, so they are compared as such."""
    start, end = column >= second, column < second + 1
    wheres = {
        "eq": and_(start, end),
        "neq": not_(and_(start, end)),
        "gt": column >= second + 1,
        "gte": start,
        "lt": column < second,
        "lte": end,
    }
    return wheres[comparison]


def _key(column: str) -> ColumnElement[Any]:
    """The column to sort by; what is not set sorts first, on every database alike."""
    if column in ("id", "created_at", "updated_at", "status"):
        return images.c[column]
    return func.coalesce(images.c[column], -1 if column == "size" else "")


def _after(listing: Listing, marker: Mapping[Any, Any]) -> Where:
    """Rows behind the marker in the order asked for."""
    ways, equal = list[Where](), list[Where]()
    for column, descending in listing.order:
        key, value = _key(column), marker[column]
        if value is None:
            value = -1 if column == "size" else ""
        ways.append(and_(*equal, key < value if descending else key > value))
        equal.append(key == value)
    return or_(*ways)
