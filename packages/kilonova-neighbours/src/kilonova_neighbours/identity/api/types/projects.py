"""Attributes of projects and domains (Keystone API reference, "Projects" and "Domains")."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from kilonova_neighbours.identity.api.attributes import Id, ShortName
from kilonova_neighbours.identity.app.projects import MOST_TAGS

Tag = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^,/]*$")]
TagList = Annotated[list[Tag], Meta(max_length=MOST_TAGS)]


class CreateProject(Struct, frozen=True, kw_only=True):
    """POST /v3/projects."""

    name: ShortName
    description: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    domain_id: Id | UnsetType | None = UNSET
    parent_id: Id | UnsetType | None = UNSET
    is_domain: bool | UnsetType = UNSET
    tags: TagList | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET


class UpdateProject(Struct, frozen=True, kw_only=True):
    """PATCH /v3/projects/{id}."""

    name: ShortName | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    domain_id: Id | UnsetType | None = UNSET
    parent_id: Id | UnsetType | None = UNSET
    is_domain: bool | UnsetType = UNSET
    tags: TagList | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET


class CreateDomain(Struct, frozen=True, kw_only=True):
    """POST /v3/domains."""

    name: ShortName
    description: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    tags: TagList | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    explicit_domain_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")] | UnsetType = UNSET


class UpdateDomain(Struct, frozen=True, kw_only=True):
    """PATCH /v3/domains/{id}."""

    name: ShortName | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    tags: TagList | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET


class Tags(Struct, frozen=True):
    """PUT /v3/projects/{id}/tags."""

    tags: list[Tag]
