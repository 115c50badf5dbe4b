"""POST /v3/auth/tokens (Keystone API reference, "Authentication and token management")."""

from __future__ import annotations

from typing import Any

import msgspec


class DomainReference(msgspec.Struct, frozen=True):
    """A domain by id or by name."""

    id: str | None = None
    name: str | None = None


class UserBody(msgspec.Struct, frozen=True):
    """Who wants in; ``password`` for the password method."""

    id: str | None = None
    name: str | None = None
    domain: DomainReference | None = None
    password: str | None = None


class PasswordMethod(msgspec.Struct, frozen=True):
    """``identity.password``."""

    user: UserBody


class TokenMethod(msgspec.Struct, frozen=True):
    """``identity.token``."""

    id: str


class ApplicationCredentialMethod(msgspec.Struct, frozen=True):
    """``identity.application_credential``."""

    secret: str
    id: str | None = None
    name: str | None = None
    user: UserBody | None = None


class IdentityPart(msgspec.Struct, frozen=True):
    """``auth.identity``: each named method has a part of its name."""

    methods: list[str]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None
    application_credential: ApplicationCredentialMethod | None = None


class ProjectScope(msgspec.Struct, frozen=True):
    """A project by id, or by name and domain."""

    id: str | None = None
    name: str | None = None
    domain: DomainReference | None = None


class SystemScope(msgspec.Struct, frozen=True):
    """Only ``{"all": true}`` exists."""

    all: bool = False


class TrustScope(msgspec.Struct, frozen=True):
    """``OS-TRUST:trust``."""

    id: str


class ScopePart(msgspec.Struct, frozen=True):
    """At most one of these."""

    project: ProjectScope | None = None
    domain: DomainReference | None = None
    system: SystemScope | None = None
    trust: TrustScope | None = msgspec.field(default=None, name="OS-TRUST:trust")
    unscoped: dict[str, Any] | None = None


class AuthPart(msgspec.Struct, frozen=True):
    """``auth``; scope is an object or the word "unscoped"."""

    identity: IdentityPart
    scope: ScopePart | str | None = None


class Authenticate(msgspec.Struct, frozen=True):
    """The whole body."""

    auth: AuthPart
