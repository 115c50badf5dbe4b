"""Unified limits: defaults per service, and what a project or domain has instead."""

from __future__ import annotations

import msgspec


class RegisteredLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The default of a resource."""

    id: str
    service_id: str
    resource_name: str
    default_limit: int
    region_id: str | None = None
    description: str | None = None


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A project's or a domain's own limit."""

    id: str
    service_id: str
    resource_name: str
    resource_limit: int
    region_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    description: str | None = None
