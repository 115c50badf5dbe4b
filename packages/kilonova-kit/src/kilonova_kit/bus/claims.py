"""NATS JWTs: who is operator, account and user, what a user may do, who is revoked.

Only the shape is made here, from arguments; keys and time come from the caller. Source: github.com/nats-io/jwt (version
2) and docs.nats.io "JWTs in depth"; the server checks the signature chain operator -> account -> user by itself.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from kilonova_kit.bus.keys import public_key_of, sign

#: A host may answer each question it was asked once, within this time, on whatever inbox the asker named.
RESPONSE_TTL_SECONDS = 60

_UNLIMITED = {"subs": -1, "data": -1, "payload": -1}
_ACCOUNT_LIMITS = _UNLIMITED | {"imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}


def operator_jwt(operator_seed: str, name: str, system_account: str, issued_at: int) -> str:
    claims = {"type": "operator", "version": 2, "system_account": system_account}
    return _signed(operator_seed, public_key_of(operator_seed), name, claims, issued_at)


def account_jwt(
    operator_seed: str, account: str, name: str, issued_at: int, *, revocations: Mapping[str, int] | None = None
) -> str:
    """``revocations``: user public key -> seconds since the epoch; what was issued until then is refused."""
    claims: dict[str, object] = {"type": "account", "version": 2, "limits": _ACCOUNT_LIMITS}
    if revocations:
        claims["revocations"] = dict(revocations)
    return _signed(operator_seed, account, name, claims, issued_at)


def user_jwt(
    account_seed: str,
    user: str,
    name: str,
    issued_at: int,
    *,
    publish: Sequence[str],
    subscribe: Sequence[str],
    expires_at: int | None = None,
) -> str:
    """A user who may do what is listed and answer what it is asked; an empty list means nothing, not everything."""
    claims = {"type": "user", "version": 2, **_UNLIMITED, "pub": _permission(publish), "sub": _permission(subscribe)}
    claims["resp"] = {"max": 1, "ttl": RESPONSE_TTL_SECONDS * 1_000_000_000}
    return _signed(account_seed, user, name, claims, issued_at, expires_at)


def _permission(subjects: Sequence[str]) -> dict[str, list[str]]:
    return {"allow": list(subjects)} if subjects else {"deny": [">"]}


def _signed(
    seed: str, subject: str, name: str, claims: Mapping[str, object], issued_at: int, expires_at: int | None = None
) -> str:
    body: dict[str, object] = {
        "iat": issued_at, "iss": public_key_of(seed), "name": name, "sub": subject, "nats": claims,
    }  # fmt: skip
    if expires_at is not None:
        body["exp"] = expires_at
    digest = hashlib.sha256(msgspec.json.encode(body, order="deterministic")).digest()
    body["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    text = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(body)}"
    return f"{text}.{_base64(sign(seed, text.encode()))}"


def _part(value: Mapping[str, object]) -> str:
    return _base64(msgspec.json.encode(value))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
