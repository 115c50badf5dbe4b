"""Key pairs of users, found by name."""

from __future__ import annotations

import msgspec
from kilonova_kit.errors import NotFound
from kilonova_kit.http.identity import Identity

from kilonova_compute.app.compute import Compute


class KeyPair(msgspec.Struct, frozen=True, kw_only=True):
    """A key pair; the private half was never here, or was given away at once."""

    name: str
    kind: str
    public_key: str


async def find_key(compute: Compute, identity: Identity, name: str) -> KeyPair:
    """The caller's key pair of that name. Raises NotFound."""
    raise NotFound(f"Keypair {name} not found for user {identity.user_id}")
