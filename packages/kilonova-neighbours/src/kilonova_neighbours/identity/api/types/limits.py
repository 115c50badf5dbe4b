"""Attributes of unified limits (Keystone API reference, "Unified limits")."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from kilonova_neighbours.identity.api.attributes import Id, Name

Amount = Annotated[int, Meta(ge=-1, le=2**31 - 1)]


class CreateRegisteredLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of POST /v3/registered_limits."""

    service_id: Id
    resource_name: Name
    default_limit: Amount
    region_id: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET


class UpdateRegisteredLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PATCH /v3/registered_limits/{id}."""

    service_id: Id | UnsetType = UNSET
    resource_name: Name | UnsetType = UNSET
    default_limit: Amount | UnsetType = UNSET
    region_id: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET


class CreateLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of POST /v3/limits."""

    service_id: Id
    resource_name: Name
    resource_limit: Amount
    region_id: str | UnsetType | None = UNSET
    project_id: Id | UnsetType | None = UNSET
    domain_id: Id | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET


class UpdateLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PATCH /v3/limits/{id}."""

    resource_limit: Amount | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
