"""Attributes of regions, services, endpoints and endpoint groups (Keystone API reference, "Service catalog")."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from kilonova_neighbours.identity.api.attributes import Id, Name

RegionId = Annotated[str, Meta(max_length=255)]
Url = Annotated[
    str, Meta(min_length=1, max_length=2048, pattern=r"^(\$\(public_url\)s|%\(public_url\)s|[a-zA-Z0-9+.-]+:)")
]
Interface = Literal["admin", "internal", "public"]


class CreateRegion(Struct, frozen=True, kw_only=True):
    """POST /v3/regions, PUT /v3/regions/{id}."""

    id: RegionId | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    parent_region_id: RegionId | UnsetType | None = UNSET


class UpdateRegion(Struct, frozen=True, kw_only=True):
    """PATCH /v3/regions/{id}."""

    description: str | UnsetType | None = UNSET
    parent_region_id: RegionId | UnsetType | None = UNSET


class CreateService(Struct, frozen=True, kw_only=True):
    """POST /v3/services."""

    type: Name
    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class UpdateService(Struct, frozen=True, kw_only=True):
    """PATCH /v3/services/{id}."""

    type: Name | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class CreateEndpoint(Struct, frozen=True, kw_only=True):
    """POST /v3/endpoints."""

    interface: Interface
    service_id: Id
    url: Url
    region_id: RegionId | UnsetType | None = UNSET
    region: RegionId | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class UpdateEndpoint(Struct, frozen=True, kw_only=True):
    """PATCH /v3/endpoints/{id}."""

    interface: Interface | UnsetType = UNSET
    service_id: Id | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    region_id: RegionId | UnsetType | None = UNSET
    region: RegionId | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class CreateEndpointGroup(Struct, frozen=True, kw_only=True):
    """POST /v3/OS-EP-FILTER/endpoint_groups."""

    name: Name
    filters: dict[str, Any]
    description: str | UnsetType | None = UNSET


class UpdateEndpointGroup(Struct, frozen=True, kw_only=True):
    """PATCH /v3/OS-EP-FILTER/endpoint_groups/{id}."""

    name: Name | UnsetType = UNSET
    filters: dict[str, Any] | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
