"""What the agent tells its network helper at start.

In a file of its own: the agent needs it, and none of the libraries that the helper loads (pyroute2: 15 MB).
"""

from __future__ import annotations

import msgspec


class WirerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``enclosed``: the helper runs inside a user namespace. ``tap_owner``: uid and gid; ``resolvers``: addresses."""

    tag: str
    state_directory: str
    metadata_socket: str
    enclosed: bool
    tap_owner: tuple[int, int] | None = None
    resolvers: tuple[str, ...] = ()
