"""The URL table of what servers are made from and run on: versions, flavors, key pairs, limits, zones, hosts."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation

from kilonova_compute.api import (
    flavor_routes,
    host_routes,
    keypair_routes,
    limit_routes,
    old_host_routes,
    other_routes,
    version_documents,
)

OPERATIONS: tuple[Operation, ...] = (
    *version_documents.OPERATIONS,
    *flavor_routes.OPERATIONS,
    *keypair_routes.OPERATIONS,
    *limit_routes.OPERATIONS,
    *host_routes.OPERATIONS,
    *old_host_routes.OPERATIONS,
    *other_routes.OPERATIONS,
)
