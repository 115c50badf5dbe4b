"""What somebody offers as proof of who they are, and the scope they ask for."""

from __future__ import annotations

from typing import Literal

import msgspec


class UserReference(msgspec.Struct, frozen=True, kw_only=True):
    """A user by id, or by name and domain (by id or by name)."""

    id: str = ""
    name: str = ""
    domain_id: str = ""
    domain_name: str = ""


class PasswordProof(msgspec.Struct, frozen=True, kw_only=True):
    """Who knows the password is the user."""

    user: UserReference
    password: str


class TokenProof(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a valid token is its user."""

    token: str


class ApplicationCredentialProof(msgspec.Struct, frozen=True, kw_only=True):
    """An application credential by id, or by name and user."""

    secret: str
    id: str = ""
    name: str = ""
    user: UserReference = UserReference()


Proof = PasswordProof | TokenProof | ApplicationCredentialProof


class WantedScope(msgspec.Struct, frozen=True, kw_only=True):
    """Kind "default": the user's default project, if there is one and it is usable, else unscoped."""

    kind: Literal["default", "unscoped", "project", "domain", "system", "trust"] = "default"
    id: str = ""
    name: str = ""
    domain_id: str = ""
    domain_name: str = ""


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """What the proofs have shown. ``chain`` is the first audit id of the token that was shown, if any."""

    user_id: str
    methods: tuple[str, ...]
    chain: str = ""
    expires_at: float | None = None
    application_credential_id: str = ""
