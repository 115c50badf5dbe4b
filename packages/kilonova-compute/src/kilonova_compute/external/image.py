"""The image service, through its public API: ours in this process, or a real Glance by URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilonova_kit.clock import Clock, system_clock
from kilonova_kit.errors import NotFound, Unavailable
from kilonova_kit.http.client import ServiceClient, StreamedReply

from kilonova_compute.external.replies import UserCalls
from kilonova_compute.model.servers import ImageSnapshot

_REMEMBER_SECONDS, _MOST_REMEMBERED = 1.0, 1000

#: Attributes of an image that are not its properties (glance, the base properties of its schema).
_BASE = frozenset(
    [
        "id",
        "name",
        "status",
        "visibility",
        "protected",
        "os_hidden",
        "owner",
        "size",
        "virtual_size",
        "disk_format",
        "container_format",
        "min_disk",
        "min_ram",
        "checksum",
        "os_hash_algo",
        "os_hash_value",
        "created_at",
        "updated_at",
        "tags",
        "self",
        "file",
        "schema",
        "locations",
        "direct_url",
        "stores",
    ]
)


class ImageService:
    """Images as servers need them.

    What a token was shown is remembered for a second: whoever makes many servers at once asks once.
    """

    def __init__(self, client: ServiceClient, clock: Clock = system_clock) -> None:
        self._client, self._clock = client, clock
        self.for_users = UserCalls(client, "image")
        self._shown: dict[tuple[str | None, str], tuple[float, dict[str, Any]]] = {}

    async def show(self, image_id: str, token: str | None = None) -> dict[str, Any]:
        """The image as the API shows it. Raises NotFound, also for one that the token may not see."""
        until, known = self._shown.get((token, image_id), (0.0, {}))
        if until > self._clock():
            return known
        found = await self._ask(image_id, token)
        if len(self._shown) >= _MOST_REMEMBERED:
            self._shown.clear()
        self._shown[token, image_id] = (self._clock() + _REMEMBER_SECONDS, found)
        return found

    async def _ask(self, image_id: str, token: str | None) -> dict[str, Any]:
        reply = await self._client.request("GET", f"/v2/images/{image_id}", token=token)
        if reply.status in (403, 404):
            raise NotFound(f"Image {image_id} could not be found.")
        if not reply.ok:
            raise Unavailable(f"the image service answered {reply.status}: {reply.message()}")
        body: dict[str, Any] = reply.json()
        return body

    async def stream(self, image_id: str) -> StreamedReply:
        """The image's bytes, with the control plane's own token."""
        return await self._client.stream(f"/v2/images/{image_id}/file")


def properties_of(image: Mapping[str, Any]) -> dict[str, str]:
    """What somebody said of the image: all that is no attribute of its own."""
    return {name: str(value) for name, value in image.items() if name not in _BASE and value is not None}


def snapshot_of(image: Mapping[str, Any]) -> ImageSnapshot:
    """What a server remembers of its image."""
    return ImageSnapshot(
        image_id=image["id"],
        name=image.get("name") or "",
        disk_format=image.get("disk_format") or "raw",
        size_bytes=image.get("size") or 0,
        virtual_size_bytes=image.get("virtual_size") or 0,
        digest_algorithm=image.get("os_hash_algo") or ("md5" if image.get("checksum") else ""),
        digest=image.get("os_hash_value") or image.get("checksum") or "",
        min_disk=image.get("min_disk") or 0,
        min_ram=image.get("min_ram") or 0,
        properties=properties_of(image),
    )
