"""The identity service, as the keeper of unified limits (Keystone API reference, "Unified limits").

A registered limit is what holds for all; a project may have a limit of its own. One that names our region counts
before one that names none; those of other regions are not ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from kilonova_kit.errors import Unavailable
from kilonova_kit.http.client import ServiceClient

_SERVICE_TYPE = "compute"


class KeptLimits(msgspec.Struct, frozen=True, kw_only=True):
    """By name of a resource. ``registered`` are the defaults, ``own`` those of the project."""

    registered: dict[str, int] = {}
    own: dict[str, int] = {}

    def of(self, resource: str) -> int | None:
        """What holds; None where nothing is registered: such a resource is not limited here."""
        if resource not in self.registered:
            return None
        return self.own.get(resource, self.registered[resource])


class IdentityLimits:
    """Asked anew for each decision, so that a change holds at once."""

    def __init__(self, client: ServiceClient, region: str = "RegionOne") -> None:
        self._client, self._region = client, region
        self._service_id = ""

    async def of(self, project_id: str | None) -> KeptLimits:
        """What is kept for a project, or only for all. Raises Unavailable."""
        service_id = await self._service()
        registered = await self._listed("registered_limits", {"service_id": service_id})
        own = await self._listed("limits", {"service_id": service_id, "project_id": project_id}) if project_id else []
        return KeptLimits(
            registered=self._amounts(registered, "default_limit"),
            own=self._amounts([one for one in own if one["project_id"] == project_id], "resource_limit"),
        )

    async def _service(self) -> str:
        if not self._service_id:
            found = await self._listed("services", {"type": _SERVICE_TYPE})
            if not found:
                raise Unavailable("the identity service knows no compute service, so it has no limits for it")
            self._service_id = str(found[0]["id"])
        return self._service_id

    async def _listed(self, kind: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        reply = await self._client.request("GET", f"/v3/{kind}", query=query)
        if not reply.ok:
            raise Unavailable(f"the identity service does not tell limits: {reply.message()}")
        return list(reply.json()[kind])

    def _amounts(self, limits: Iterable[Mapping[str, Any]], field: str) -> dict[str, int]:
        ours = [limit for limit in limits if limit["region_id"] in (None, self._region)]
        ours.sort(key=lambda limit: limit["region_id"] is not None)
        return {limit["resource_name"]: limit[field] for limit in ours}
