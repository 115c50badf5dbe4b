"""Attributes of users and groups (Keystone API reference, "Users" and "Groups")."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from kilonova_neighbours.identity.api.attributes import Id, Name, ShortName

#: [identity] max_password_length of Keystone.
Password = Annotated[str, Meta(max_length=4096)]


class CreateUser(Struct, frozen=True, kw_only=True):
    """POST /v3/users."""

    name: Name
    password: Password | UnsetType | None = UNSET
    domain_id: Id | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    default_project_id: Id | UnsetType | None = UNSET
    options: dict[str, Any] | UnsetType = UNSET


class UpdateUser(Struct, frozen=True, kw_only=True):
    """PATCH /v3/users/{id}."""

    name: Name | UnsetType = UNSET
    password: Password | UnsetType | None = UNSET
    domain_id: Id | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    default_project_id: Id | UnsetType | None = UNSET
    options: dict[str, Any] | UnsetType = UNSET


class ChangePassword(Struct, frozen=True, kw_only=True):
    """POST /v3/users/{id}/password."""

    original_password: Password
    password: Password


class CreateGroup(Struct, frozen=True, kw_only=True):
    """POST /v3/groups."""

    name: ShortName
    description: str | UnsetType | None = UNSET
    domain_id: Id | UnsetType = UNSET


class UpdateGroup(Struct, frozen=True, kw_only=True):
    """PATCH /v3/groups/{id}."""

    name: ShortName | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    domain_id: Id | UnsetType = UNSET
