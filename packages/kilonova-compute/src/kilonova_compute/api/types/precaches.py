"""Bodies about precaches."""

from __future__ import annotations

import msgspec


class PrecacheHost(msgspec.Struct, frozen=True, kw_only=True):
    """A host: ``waiting``, ``fetching``, ``cached`` or ``failed``, why it waits or failed, and failures so far."""

    host: str
    stage: str
    tries: int
    reason: str


class PrecacheView(msgspec.Struct, frozen=True, kw_only=True):
    """An image that the hosts of an aggregate are to have. Hosts are asked until ``until``."""

    aggregate_id: int
    image_id: str
    image_name: str
    asked_at: str
    until: str
    hosts: list[PrecacheHost]


class PrecacheList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    precaches: list[PrecacheView]
