"""The URL table of the compute API: every operation, one line of thought each."""

from __future__ import annotations

import re

from kilonova_kit.http.faults import compute_faults
from kilonova_kit.http.operations import Service

from kilonova_compute.api import catalog_routes, for_hosts, precaches, requests, server_routes
from kilonova_compute.api.changes import CHANGES
from kilonova_compute.api.proxies import routes as proxy_routes
from kilonova_compute.api.versions import MICROVERSIONS

_WITH_PROJECT = re.compile(r"^/v2(?:\.1)?/([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=/|$)")


def without_project(path: str) -> str:
    """Older clients put the project's id behind the version: ``/v2.1/<project>/servers``; ``/v2`` is the same API."""
    path = _WITH_PROJECT.sub("/v2.1", path)
    return "/v2.1" + path[3:] if path.startswith("/v2/") and path != "/v2/" else path


SERVICE = Service(
    name="compute",
    prefix="/compute",
    base_path="/v2.1",
    operations=(
        *server_routes.OPERATIONS,
        *catalog_routes.OPERATIONS,
        *for_hosts.OPERATIONS,
        *requests.OPERATIONS,
        *precaches.OPERATIONS,
        *proxy_routes.OPERATIONS,
    ),
    faults=compute_faults,
    microversions=MICROVERSIONS,
    changes=CHANGES,
    rewrite=without_project,
)
