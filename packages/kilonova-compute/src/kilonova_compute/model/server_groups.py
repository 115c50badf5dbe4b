"""A server group: servers that should be, or must be, together or apart."""

from __future__ import annotations

import msgspec


class ServerGroup(msgspec.Struct, frozen=True, kw_only=True):
    """``policy`` is one of nova's four; ``rules`` may hold ``max_server_per_host``. ``members`` are ids of servers."""

    id: str
    name: str
    policy: str
    project_id: str
    user_id: str
    rules: dict[str, int] = {}
    members: tuple[str, ...] = ()
    number: int = 0
