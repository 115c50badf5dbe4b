"""The plain data that all rooms share: a record, who asks, and what a list was asked for."""

from __future__ import annotations

from typing import Any

import msgspec

#: Whose ports are a router's (neutron_lib/constants.py): the one to the world, and those to its networks.
ROUTER_GATEWAY, ROUTER_INTERFACE = "network:router_gateway", "network:router_interface"

#: A resource with its public attribute names (``binding:host_id``) as keys.
Record = dict[str, Any]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. ``is_trusted``: an admin, or a service such as compute, which may act on everybody's ports."""

    project_id: str
    is_admin: bool = False
    is_trusted: bool = False

    def owns(self, record: Record) -> bool:
        return bool(self.project_id) and record["project_id"] == self.project_id


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a list was asked for. ``filters``: all values that a name was given; ``sort``: (attribute, ascending)."""

    filters: dict[str, list[str]] = msgspec.field(default_factory=dict)
    sort: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    marker: str | None = None
    page_reverse: bool = False
