"""Roles, what they imply, and who has them on what."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

ActorKind = Literal["user", "group"]
TargetKind = Literal["project", "domain", "system"]


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """``domain_id`` is "" for a global role; a domain-specific one never appears in a token, only what it implies."""

    id: str
    name: str
    domain_id: str = ""
    description: str | None = None
    options: dict[str, Any] = {}
    extra: dict[str, Any] = {}

    @property
    def immutable(self) -> bool:
        return bool(self.options.get("immutable"))


class Implication(msgspec.Struct, frozen=True, kw_only=True):
    """Who has the prior role has the implied one too."""

    prior_role_id: str
    implied_role_id: str


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """A role for an actor on a target. An inherited one counts only below its target. The system's id is "system"."""

    actor_kind: ActorKind
    actor_id: str
    target_kind: TargetKind
    target_id: str
    role_id: str
    inherited: bool = False
