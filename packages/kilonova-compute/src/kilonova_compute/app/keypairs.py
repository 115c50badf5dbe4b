"""Key pairs of users, found by name. A private key that is made here is given away and not kept."""

from __future__ import annotations

import asyncio

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.identity import Identity

from kilonova_compute.app import quotas
from kilonova_compute.app.compute import Compute
from kilonova_compute.app.key_material import fingerprint_of, new_key
from kilonova_compute.model.keypairs import KeyPair
from kilonova_compute.store import keypairs as store
from kilonova_compute.store import quotas as quota_store

__all__ = ["KeyPair", "create", "delete", "find", "find_key", "generate", "listed"]


async def find_key(compute: Compute, identity: Identity, name: str) -> KeyPair:
    """The caller's key pair of that name. Raises NotFound."""
    return await find(compute, identity.user_id, name)


async def find(compute: Compute, user_id: str, name: str) -> KeyPair:
    found = await compute.cells.database.read(lambda tx: store.find(tx, user_id, name))
    if found is None:
        raise NotFound(f"Keypair {name} not found for user {user_id}")
    return found


async def listed(compute: Compute, user_id: str, marker: str | None, limit: int | None) -> list[KeyPair]:
    """By name. Raises BadRequest when the marker is no key pair of the user."""

    def read(tx: Connection) -> list[KeyPair]:
        if marker is not None and store.find(tx, user_id, marker) is None:
            raise BadRequest(f"Marker {marker} could not be found.")
        return store.listed(tx, user_id, marker or "", limit)

    return await compute.cells.database.read(read)


async def create(compute: Compute, identity: Identity, user_id: str, name: str, kind: str, public_key: str) -> KeyPair:
    """Keep a user's public key. Raises BadRequest, Conflict, QuotaExceeded."""
    fingerprint = await asyncio.to_thread(fingerprint_of, kind, public_key)
    key = KeyPair(user_id=user_id, name=name, kind=kind, public_key=public_key, fingerprint=fingerprint)
    return await _keep(compute, identity, key)


async def generate(compute: Compute, identity: Identity, user_id: str, name: str, kind: str) -> tuple[KeyPair, str]:
    """Make a key pair; the private half comes second and is not kept. Raises Conflict, QuotaExceeded."""
    made = await asyncio.to_thread(new_key, kind, user_id)
    key = KeyPair(user_id=user_id, name=name, kind=kind, public_key=made.public_key, fingerprint=made.fingerprint)
    return await _keep(compute, identity, key), made.private_key


async def _keep(compute: Compute, identity: Identity, key: KeyPair) -> KeyPair:
    most = (await quotas.limits_of(compute, identity.project_id or "")).key_pairs
    kept = msgspec.structs.replace(key, created_at=compute.clock())

    def write(tx: Connection) -> None:
        quota_store.hold(tx, key.user_id)
        if 0 <= most <= (have := store.count(tx, key.user_id)):
            words = "Quota exceeded, too many key pairs."
            raise quotas.refusal(compute, identity.project_id or "", "key_pairs", most, have, 1, words)
        store.add(tx, kept)

    await compute.cells.database.write(write)
    return kept


async def delete(compute: Compute, user_id: str, name: str) -> None:
    """Servers keep the public key that they were made with."""
    if not await compute.cells.database.write(lambda tx: store.remove(tx, user_id, name)):
        raise NotFound(f"Keypair {name} not found for user {user_id}")
