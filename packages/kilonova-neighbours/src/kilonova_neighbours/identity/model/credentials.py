"""Credentials, application credentials with their access rules, trusts, OAuth consumers, policy documents."""

from __future__ import annotations

from typing import Any

import msgspec


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """``blob`` is encrypted at rest."""

    id: str
    user_id: str
    type: str
    blob: str
    project_id: str | None = None
    extra: dict[str, Any] = {}


class AccessRule(msgspec.Struct, frozen=True, kw_only=True):
    """One API call that an application credential may make."""

    id: str
    user_id: str
    service: str
    method: str
    path: str


class ApplicationCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that stands for a user on one project with some of the user's roles. ``expires_at``: epoch seconds."""

    id: str
    name: str
    user_id: str
    project_id: str
    secret_hash: str
    role_ids: list[str]
    description: str | None = None
    expires_at: float | None = None
    unrestricted: bool = False
    access_rule_ids: list[str] | None = None


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """The trustor lets the trustee act with some of the trustor's roles on a project. ``expires_at``: epoch seconds."""

    id: str
    trustor_user_id: str
    trustee_user_id: str
    project_id: str | None = None
    impersonation: bool = False
    role_ids: list[str] = []
    expires_at: float | None = None
    remaining_uses: int | None = None
    redelegation_count: int = 0
    redelegated_trust_id: str | None = None
    extra: dict[str, Any] = {}


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth 1 consumer."""

    id: str
    secret: str
    description: str | None = None
    extra: dict[str, Any] = {}


class PolicyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document kept for others to read (the deprecated /policies API)."""

    id: str
    type: str
    blob: Any
    extra: dict[str, Any] = {}
