"""Regions, services, endpoints, and which projects see which endpoints."""

from __future__ import annotations

from typing import Any

import msgspec


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A place; regions form a tree."""

    id: str
    description: str = ""
    parent_region_id: str | None = None
    extra: dict[str, Any] = {}


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """An API of the cloud."""

    id: str
    type: str
    name: str | None = None
    description: str | None = None
    enabled: bool = True
    extra: dict[str, Any] = {}


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A service's URL; it may hold ``$(public_url)s``, ``$(project_id)s``, ``$(tenant_id)s`` and ``$(user_id)s``."""

    id: str
    service_id: str
    interface: str
    url: str
    region_id: str | None = None
    enabled: bool = True
    extra: dict[str, Any] = {}


class EndpointGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints that match ``filters`` (service_id, region_id, interface), given to projects together."""

    id: str
    name: str
    description: str | None = None
    filters: dict[str, Any] = {}


class ProjectEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A project that sees only chosen endpoints (OS-EP-FILTER) has rows here."""

    project_id: str
    endpoint_id: str


class ProjectEndpointGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The same, by group."""

    project_id: str
    endpoint_group_id: str


class CatalogEntry(msgspec.Struct, frozen=True):
    """A service and its endpoints as a token shows them."""

    service: Service
    endpoints: tuple[Endpoint, ...]
