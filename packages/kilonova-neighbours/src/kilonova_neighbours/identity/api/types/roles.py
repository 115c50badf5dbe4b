"""Attributes of roles (Keystone API reference, "Roles")."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from kilonova_neighbours.identity.api.attributes import Id, Name


class CreateRole(Struct, frozen=True, kw_only=True):
    """POST /v3/roles."""

    name: Name
    description: str | UnsetType | None = UNSET
    domain_id: Id | UnsetType | None = UNSET
    options: dict[str, Any] | UnsetType = UNSET


class UpdateRole(Struct, frozen=True, kw_only=True):
    """PATCH /v3/roles/{id}."""

    name: Name | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    domain_id: Id | UnsetType | None = UNSET
    options: dict[str, Any] | UnsetType = UNSET
