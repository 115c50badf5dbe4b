"""The catalog: enabled services and endpoints, as a project sees them (OS-EP-FILTER), with URLs for this client."""

from __future__ import annotations

from typing import Any

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app.identity import IdentityApp
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.catalog import CatalogEntry, Endpoint, EndpointGroup
from kilonova_neighbours.identity.model.tokens import TokenFacts


async def catalog_of(app: IdentityApp, facts: TokenFacts, origin: str) -> list[dict[str, Any]]:
    """The catalog of a token; ``origin`` stands for the public URL where none is configured."""
    project_id = facts.project.id if facts.project else ""
    entries = await app.remember(("catalog", project_id), _entries, project_id)
    words = {
        "public_url": app.settings.public_url.rstrip("/") or origin,
        "project_id": project_id,
        "tenant_id": project_id,
        "user_id": facts.user.id,
    }
    return [_rendered(entry, words) for entry in entries]


def _rendered(entry: CatalogEntry, words: dict[str, str]) -> dict[str, Any]:
    endpoints = [
        {
            "id": endpoint.id,
            "interface": endpoint.interface,
            "region": endpoint.region_id,
            "region_id": endpoint.region_id,
            "url": url,
        }
        for endpoint in entry.endpoints
        if (url := _filled(endpoint.url, words))
    ]
    service = entry.service
    return {"id": service.id, "type": service.type, "name": service.name or "", "endpoints": endpoints}


def _filled(url: str, words: dict[str, str]) -> str | None:
    """None where the URL needs a project and the token has none: Keystone leaves such endpoints out."""
    for word, value in words.items():
        for form in (f"$({word})s", f"%({word})s"):
            if form in url:
                if not value:
                    return None
                url = url.replace(form, value)
    return url


def _entries(work: Work, project_id: str) -> list[CatalogEntry]:
    endpoints = [endpoint for endpoint in store.ENDPOINTS.find(work.tx) if endpoint.enabled]
    chosen = chosen_for(work, project_id, endpoints) if project_id else []
    by_service: dict[str, list[Endpoint]] = {}
    for endpoint in chosen or endpoints:
        by_service.setdefault(endpoint.service_id, []).append(endpoint)
    services = [service for service in store.SERVICES.find(work.tx) if service.enabled]
    return [CatalogEntry(service, tuple(by_service.get(service.id, ()))) for service in services]


def chosen_for(work: Work, project_id: str, endpoints: list[Endpoint]) -> list[Endpoint]:
    """The endpoints that were given to a project, directly or by group. None given: the project sees all."""
    ids = {row.endpoint_id for row in store.PROJECT_ENDPOINTS.find(work.tx, project_id=project_id)}
    group_ids = [row.endpoint_group_id for row in store.PROJECT_ENDPOINT_GROUPS.find(work.tx, project_id=project_id)]
    groups = store.ENDPOINT_GROUPS.find(work.tx, id=group_ids) if group_ids else []
    return [e for e in endpoints if e.id in ids or any(in_group(e, group) for group in groups)]


def in_group(endpoint: Endpoint, group: EndpointGroup) -> bool:
    """Every filter of the group must match; an attribute that endpoints do not have matches none."""
    return all(getattr(endpoint, name, None) == value for name, value in group.filters.items())
