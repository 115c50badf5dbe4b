"""The placement service, through its native claims API."""

from __future__ import annotations

from collections.abc import Mapping

from kilonova_driver.types.inventory import Inventory
from kilonova_kit.errors import KilonovaError
from kilonova_placement.client import PlacementClient

from kilonova_compute.model.hosts import Host
from kilonova_compute.model.requests import ClaimedPlace, ServerRequest


class Refused(KilonovaError):
    """No host fits; the message explains why, without host names."""

    status = 500
    kind = "no_host"


class PlacementService:
    """Claims for servers. A claim's id is given by us, so asking again finds the same claim."""

    def __init__(self, client: PlacementClient) -> None:
        self._client = client

    async def claim(self, wanted: Mapping[str, ServerRequest]) -> dict[str, ClaimedPlace]:
        raise Refused("not written yet")

    async def bind(self, claim_id: str) -> ClaimedPlace | None:
        return None

    async def release(self, claim_id: str) -> None: ...

    async def release_all_of(self, server_id: str) -> None: ...

    async def bound_claims(self) -> dict[str, str]:
        return {}

    async def report_host(self, host: Host, inventory: Inventory) -> None: ...

    async def set_down(self, host_id: str, reason: str) -> None: ...
