"""Who is asking: what a token says, and how the edge finds it out."""

from __future__ import annotations

from typing import Protocol

import msgspec


class AccessRule(msgspec.Struct, frozen=True):
    """A call that an application credential may make: service type, method, path pattern (``access_rules.py``)."""

    service: str
    method: str
    path: str


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The bearer of a token. Roles are expanded: an admin is also a member and a reader.

    ``project_id`` is None for domain, system and unscoped tokens. ``expires_at`` is seconds since the epoch.
    """

    user_id: str
    user_name: str = ""
    user_domain_id: str = "default"
    project_id: str | None = None
    project_name: str = ""
    project_domain_id: str = ""
    domain_id: str | None = None
    system_scope: bool = False
    roles: frozenset[str] = frozenset()
    expires_at: float = 0.0
    #: The token itself, to act on the bearer's behalf at a neighbour; never logged.
    token: str = ""
    #: Roles of the service that speaks for the bearer (X-Service-Token), empty when none does.
    service_roles: frozenset[str] = frozenset()
    #: None: every call is allowed. An empty tuple allows none.
    access_rules: tuple[AccessRule, ...] | None = None

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    @property
    def is_service(self) -> bool:
        return "service" in self.roles or "service" in self.service_roles

    def __repr__(self) -> str:
        return f"Identity(user_id={self.user_id!r}, project_id={self.project_id!r}, roles={sorted(self.roles)})"


#: Whoever calls an operation that needs no token.
ANONYMOUS = Identity(user_id="")


class Authenticator(Protocol):
    """Turns a token into an identity."""

    async def identify(self, token: str) -> Identity | None:
        """Say whose token this is; None when it is not valid. Raises Unavailable when nobody can tell."""
