"""Credentials, encrypted at rest, and EC2 key pairs, which are credentials of the type ``ec2``."""

from __future__ import annotations

import hashlib

import msgspec
from kilonova_kit.errors import BadRequest, Conflict, KilonovaError
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding
from kilonova_neighbours.identity.app.changes import Values, changed
from kilonova_neighbours.identity.app.identity import IdentityApp
from kilonova_neighbours.identity.app.keys import KeyRing
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.credentials import Credential

#: Of an EC2 key's blob: what cannot be changed (keystone/api/credentials.py, _validate_blob_update_keys).
_MEANING = ("access", "trust_id", "app_cred_id", "access_token_id", "access_id")


class CredentialLost(KilonovaError):
    """The key that encrypted a credential is gone."""

    kind = "credential_lost"


class EcKey(msgspec.Struct, frozen=True, kw_only=True):
    """An EC2 key pair of a user on a project."""

    access: str
    secret: str
    user_id: str
    project_id: str | None
    trust_id: str | None = None


def _open(vault: KeyRing, stored: Credential) -> Credential:
    plain = vault.decrypt(stored.blob)
    if plain is None:
        raise CredentialLost(f"Credential {stored.id} cannot be decrypted: its key is gone.")
    return msgspec.structs.replace(stored, blob=plain.decode())


def ec2_id(access: str) -> str:
    """An EC2 credential's id is made from its access key, as in Keystone."""
    return hashlib.sha256(access.encode()).hexdigest()


def _ec2_blob(blob: str) -> Values:
    try:
        plain = msgspec.json.decode(blob)
    except (msgspec.DecodeError, RecursionError):
        plain = None
    if not isinstance(plain, dict) or not isinstance(plain.get("access"), str):
        raise BadRequest("Invalid blob in credential: ec2 credentials need JSON with access and secret.")
    return plain


def _refuse_other_meaning(known: Credential, new: Credential) -> None:
    """What an EC2 key is known by and stands for stays: its id is made of the one, its roles come from the others."""
    before, after = _ec2_blob(known.blob), _ec2_blob(new.blob)
    for name in _MEANING:
        if before.get(name) != after.get(name):
            raise BadRequest(f"{name} can not be updated for credential")


async def create(app: IdentityApp, values: Values, extra: Values) -> Credential:
    values = dict(values)
    if values["type"] == "ec2":
        values["id"] = ec2_id(_ec2_blob(values["blob"])["access"])
        if not values.get("project_id"):
            raise BadRequest("Invalid input for field/attribute project_id. ec2 credentials need one.")
    plain = Credential(**{"id": new_hex_id(), **values}, extra=extra)
    sealed = msgspec.structs.replace(plain, blob=app.vault.encrypt(plain.blob.encode()))
    await app.write(_store, sealed)
    return plain


def _store(work: Work, sealed: Credential) -> None:
    if store.CREDENTIALS.get(work.tx, id=sealed.id):
        raise Conflict("Conflict occurred attempting to store credential - Duplicate entry.")
    store.CREDENTIALS.add(work.tx, sealed)


async def change(app: IdentityApp, credential_id: str, values: Values, extra: Values) -> Credential:
    """Owner, project and type stay. Raises BadRequest for another one of these."""
    known = await show(app, credential_id)
    for name in ("user_id", "project_id", "type"):
        if name in values and values[name] != getattr(known, name):
            raise BadRequest(f"The {name} of a credential cannot be changed.")
    plain = changed(known, values, extra)
    if plain.type == "ec2":
        _refuse_other_meaning(known, plain)
    sealed = msgspec.structs.replace(plain, blob=app.vault.encrypt(plain.blob.encode()))
    await app.write(_change, sealed)
    return plain


def _change(work: Work, sealed: Credential) -> None:
    finding.must(store.CREDENTIALS.get(work.tx, id=sealed.id), "credential", sealed.id)
    store.CREDENTIALS.change(work.tx, sealed)


async def show(app: IdentityApp, credential_id: str) -> Credential:
    return _open(app.vault, await app.read(_get, credential_id))


def _get(work: Work, credential_id: str) -> Credential:
    return finding.must(store.CREDENTIALS.get(work.tx, id=credential_id), "credential", credential_id)


async def find(app: IdentityApp, equals: Values) -> list[Credential]:
    return [_open(app.vault, stored) for stored in await app.read(_find, equals)]


def _find(work: Work, equals: Values) -> list[Credential]:
    return store.CREDENTIALS.find(work.tx, **equals)


def delete(work: Work, credential_id: str) -> None:
    _get(work, credential_id)
    store.CREDENTIALS.remove(work.tx, id=credential_id)


async def create_ec2(app: IdentityApp, user_id: str, project_id: str) -> EcKey:
    await app.read(_check_owner, user_id, project_id)
    pair = {"access": new_hex_id(), "secret": new_hex_id(), "trust_id": None}
    values = {
        "user_id": user_id,
        "project_id": project_id,
        "type": "ec2",
        "blob": msgspec.json.encode(pair).decode(),
    }
    return _ec2_of(await create(app, values, {}))


def _check_owner(work: Work, user_id: str, project_id: str) -> None:
    finding.user(work, user_id)
    finding.project(work, project_id)


def _ec2_of(credential: Credential) -> EcKey:
    blob = msgspec.json.decode(credential.blob)
    return EcKey(
        access=blob.get("access", ""),
        secret=blob.get("secret", ""),
        user_id=credential.user_id,
        project_id=credential.project_id,
        trust_id=blob.get("trust_id"),
    )


async def show_ec2(app: IdentityApp, user_id: str, access: str) -> EcKey:
    """Raises NotFound also for another user's key."""
    found = await app.read(_get_ec2, user_id, access)
    return _ec2_of(_open(app.vault, found))


def _get_ec2(work: Work, user_id: str, access: str) -> Credential:
    finding.user(work, user_id)
    found = store.CREDENTIALS.get(work.tx, id=ec2_id(access), user_id=user_id, type="ec2")
    return finding.must(found, "credential", access)


async def list_ec2(app: IdentityApp, user_id: str) -> list[EcKey]:
    return [_ec2_of(credential) for credential in await find(app, {"user_id": user_id, "type": "ec2"})]


def delete_ec2(work: Work, user_id: str, access: str) -> None:
    store.CREDENTIALS.remove(work.tx, id=_get_ec2(work, user_id, access).id)
