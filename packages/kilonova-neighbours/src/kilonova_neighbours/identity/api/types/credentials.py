"""Attributes of credentials, application credentials, trusts, consumers and policy documents."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from kilonova_neighbours.identity.api.attributes import Id, Name


class CreateCredential(Struct, frozen=True, kw_only=True):
    """POST /v3/credentials."""

    blob: str
    type: Annotated[str, Meta(min_length=1, max_length=255)]
    user_id: Id | UnsetType = UNSET
    project_id: Id | UnsetType | None = UNSET


class UpdateCredential(Struct, frozen=True, kw_only=True):
    """PATCH /v3/credentials/{id}."""

    blob: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    user_id: Id | UnsetType = UNSET
    project_id: Id | UnsetType | None = UNSET


class CreateApplicationCredential(Struct, frozen=True, kw_only=True):
    """POST /v3/users/{id}/application_credentials."""

    name: Name
    secret: Annotated[str, Meta(min_length=1, max_length=4096)] | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
    roles: list[dict[str, Any]] | UnsetType | None = UNSET
    unrestricted: bool | UnsetType | None = UNSET
    access_rules: list[dict[str, Any]] | UnsetType | None = UNSET
    project_id: Id | UnsetType = UNSET


class CreateTrust(Struct, frozen=True, kw_only=True):
    """POST /v3/OS-TRUST/trusts."""

    trustor_user_id: Id
    trustee_user_id: Id
    impersonation: bool
    project_id: Id | UnsetType | None = UNSET
    roles: list[dict[str, Any]] | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
    remaining_uses: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET
    allow_redelegation: bool | UnsetType | None = UNSET
    redelegation_count: Annotated[int, Meta(ge=0)] | UnsetType | None = UNSET


class CreateConsumer(Struct, frozen=True, kw_only=True):
    """POST and PATCH /v3/OS-OAUTH1/consumers."""

    description: str | UnsetType | None = UNSET


class CreatePolicy(Struct, frozen=True, kw_only=True):
    """POST /v3/policies."""

    type: Name
    blob: Any


class UpdatePolicy(Struct, frozen=True, kw_only=True):
    """PATCH /v3/policies/{id}."""

    type: Name | UnsetType = UNSET
    blob: Any = UNSET
