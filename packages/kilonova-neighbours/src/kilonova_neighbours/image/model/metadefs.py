"""Metadata definitions: a catalog of property names that images, flavors and volumes may carry.

A namespace holds objects, properties and tags, and is associated with resource types. Only the catalog is kept: nothing
here is enforced on images, as in Glance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

#: What Glance's own definitions are associated with: offered from the start.
RESOURCE_TYPES = (
    "OS::Cinder::Volume",
    "OS::Glance::Image",
    "OS::Nova::Aggregate",
    "OS::Nova::Flavor",
    "OS::Nova::Server",
    "OS::Trove::Instance",
)


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """``visibility`` is public or private (to its owner)."""

    namespace: str
    display_name: str | None = None
    description: str | None = None
    visibility: str = "private"
    protected: bool = False
    owner: str | None = None
    created_at: float = 0.0
    updated_at: float = 0.0


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """An object, property, tag or association of a namespace; ``body`` is what the API shows beyond name and times."""

    namespace: str
    kind: str
    name: str
    body: Mapping[str, Any] = {}
    created_at: float = 0.0
    updated_at: float = 0.0
