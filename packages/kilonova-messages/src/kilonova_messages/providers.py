"""The ids of a host's parts in placement: the same for whoever makes them, and for ever (docs/decisions/0011)."""

from __future__ import annotations

import uuid


def provider_id(host_id: str, part: str) -> str:
    """The id of a part of a host by its name; the host's own for the empty name."""
    return str(uuid.uuid5(uuid.UUID(host_id), part)) if part else host_id
