"""What a token carries, and what it turns out to be worth."""

from __future__ import annotations

from typing import Literal

import msgspec

from kilonova_neighbours.identity.model.credentials import AccessRule, ApplicationCredential, Trust
from kilonova_neighbours.identity.model.projects import Project
from kilonova_neighbours.identity.model.roles import Role
from kilonova_neighbours.identity.model.users import User

ScopeKind = Literal["unscoped", "project", "domain", "system"]


class Scope(msgspec.Struct, frozen=True):
    """``id`` is a project's or domain's; "" otherwise."""

    kind: ScopeKind = "unscoped"
    id: str = ""


class Payload(msgspec.Struct, frozen=True, array_like=True):
    """The inside of a token. Times are seconds since the epoch. ``audit_ids``: its own, then its chain's first."""

    user_id: str
    methods: tuple[str, ...]
    scope: Scope
    audit_ids: tuple[str, ...]
    issued_at: float
    expires_at: float
    application_credential_id: str = ""
    trust_id: str = ""


class TokenFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A valid token and what the database says about it now."""

    payload: Payload
    user: User
    user_domain: Project
    project: Project | None = None
    project_domain: Project | None = None
    domain: Project | None = None
    roles: tuple[Role, ...] = ()
    application_credential: ApplicationCredential | None = None
    access_rules: tuple[AccessRule, ...] | None = None
    trust: Trust | None = None


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """Refuses one token (``audit_id``), or a user's tokens on a target that were issued before ``issued_before``."""

    id: str
    audit_id: str = ""
    user_id: str = ""
    target_id: str = ""
    issued_before: float = 0.0
    #: After this no token can live that it would refuse.
    expires_at: float
