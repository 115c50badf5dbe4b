"""Key pairs: everybody's own, and anybody's for administrators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kilonova_kit.clock import iso_micros
from kilonova_kit.errors import BadRequest
from kilonova_kit.http.operations import Answer, Call
from kilonova_kit.http.policy import Policy
from msgspec import UNSET

from kilonova_compute.api import list_pages, policies
from kilonova_compute.api.types.keypairs import (
    CreateKeyPair,
    KeyPairAnswer,
    KeyPairList,
    KeyPairListQuery,
    KeyPairQuery,
    KeyPairView,
)
from kilonova_compute.api.types.values import invalid
from kilonova_compute.app import keypairs as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.keypairs import KeyPair

OneCall = Call[Compute, None, KeyPairQuery]

_PROPER_STATUS = (2, 2)
_PAGED = (2, 35)
_GIVEN_ONLY = (2, 92)
_OLD_NAME = re.compile(r"^[_\- a-zA-Z0-9]+\Z")


async def index(call: Call[Compute, None, KeyPairListQuery]) -> KeyPairList:
    user_id = _whose(call, call.query.user_id, policies.LIST_KEYPAIRS_OF_OTHERS)
    size = list_pages.page_size(call, call.query.limit) if call.version >= _PAGED else None
    keys = await app.listed(call.app, user_id, list_pages.last(call.query.marker), size)
    links = list_pages.page_links(call, size, [key.name for key in keys]) if size else []
    return KeyPairList(keypairs=[KeyPairAnswer(keypair=_brief(key)) for key in keys], keypairs_links=links or UNSET)


def _whose(call: Call[Compute, Any, Any], asked: Sequence[str], of_others: Policy) -> str:
    """The user that is asked about. Raises Forbidden for another's."""
    user_id = asked[0] if asked and asked[0] else call.identity.user_id
    if user_id != call.identity.user_id:
        call.enforce(of_others)
    return user_id


async def show(call: OneCall) -> KeyPairAnswer:
    user_id = _whose(call, call.query.user_id, policies.SHOW_KEYPAIR_OF_OTHERS)
    key = await app.find(call.app, user_id, call.path["name"])
    return KeyPairAnswer(
        keypair=KeyPairView(
            name=key.name,
            public_key=key.public_key,
            fingerprint=key.fingerprint,
            kind=key.kind,
            user_id=key.user_id,
            id=key.number,
            created_at=iso_micros(key.created_at),
            deleted=False,
            deleted_at=None,
            updated_at=None,
        )
    )


async def create(call: Call[Compute, CreateKeyPair, Any]) -> Answer:
    wanted, private_key = call.body.keypair, ""
    name = _checked_name(call, wanted.name)
    user_id = _whose(call, [wanted.user_id], policies.CREATE_KEYPAIR_OF_OTHERS)
    if wanted.public_key is not UNSET:
        key = await app.create(call.app, call.identity, user_id, name, wanted.kind, wanted.public_key)
    elif call.version >= _GIVEN_ONLY:
        raise BadRequest("Invalid input for field/attribute keypair. 'public_key' is a required property")
    else:
        key, private_key = await app.generate(call.app, call.identity, user_id, name, wanted.kind)
    view = KeyPairView(
        name=key.name,
        public_key=key.public_key,
        fingerprint=key.fingerprint,
        kind=key.kind,
        user_id=key.user_id,
        private_key=private_key or UNSET,
    )
    return Answer(KeyPairAnswer(keypair=view), status=201 if call.version >= _PROPER_STATUS else 200)


def _checked_name(call: Call[Compute, Any, Any], name: str) -> str:
    if call.version < _GIVEN_ONLY and not _OLD_NAME.match(name):
        raise invalid("name", name, f"'{name}' does not match '{_OLD_NAME.pattern}'")
    return name


async def delete(call: OneCall) -> Answer:
    user_id = _whose(call, call.query.user_id, policies.DELETE_KEYPAIR_OF_OTHERS)
    await app.delete(call.app, user_id, call.path["name"])
    return Answer(status=204 if call.version >= _PROPER_STATUS else 202)


def _brief(key: KeyPair) -> KeyPairView:
    return KeyPairView(name=key.name, public_key=key.public_key, fingerprint=key.fingerprint, kind=key.kind)
