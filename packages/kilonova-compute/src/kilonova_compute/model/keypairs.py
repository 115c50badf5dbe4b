"""A key pair of a user: the public half, and what it is called."""

from __future__ import annotations

import msgspec


class KeyPair(msgspec.Struct, frozen=True, kw_only=True):
    """The private half was never here, or was given away at once. ``kind`` is ``ssh`` or ``x509``."""

    user_id: str
    name: str
    kind: str
    public_key: str
    fingerprint: str
    created_at: float = 0.0
    number: int = 0
