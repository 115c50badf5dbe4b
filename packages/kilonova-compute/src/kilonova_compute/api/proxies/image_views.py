"""Images as the compute API shows them: upper-case states, properties as metadata (nova, views/images.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilonova_kit.http.operations import Call

from kilonova_compute.api import list_pages
from kilonova_compute.app.compute import Compute
from kilonova_compute.external.image import properties_of

_STATES = {
    "active": "ACTIVE",
    "queued": "SAVING",
    "saving": "SAVING",
    "importing": "SAVING",
    "uploading": "SAVING",
    "deleted": "DELETED",
    "pending_delete": "DELETED",
    "killed": "ERROR",
}
_PROGRESS = {"queued": 25, "saving": 50, "uploading": 50, "importing": 50, "active": 100}

AnyCall = Call[Compute, Any, Any]


def brief_view(call: AnyCall, image: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": image["id"], "name": image.get("name"), "links": _links(call, image["id"])}


def full_view(call: AnyCall, image: Mapping[str, Any]) -> dict[str, Any]:
    """The image; of a snapshot also the server that it was made of."""
    metadata = properties_of(image)
    view = {
        **brief_view(call, image),
        "created": image["created_at"],
        "updated": image["updated_at"],
        "status": _STATES.get(image["status"], "UNKNOWN"),
        "progress": _PROGRESS.get(image["status"], 0),
        "minDisk": image.get("min_disk") or 0,
        "minRam": image.get("min_ram") or 0,
        "metadata": metadata,
        "OS-EXT-IMG-SIZE:size": image.get("size") or 0,
    }
    if server_id := metadata.get("instance_uuid"):
        view["server"] = {"id": server_id, "links": list_pages.self_and_bookmark(call, "servers", server_id)}
    if disk_config := metadata.get("auto_disk_config"):
        view["OS-DCF:diskConfig"] = "AUTO" if disk_config.lower() in ("true", "1", "yes", "on") else "MANUAL"
    return view


def state_of(word: str) -> str | None:
    """The image service's word for a state in the compute API's; None for one that it has not."""
    return next((state for state, shown in _STATES.items() if shown == word.upper()), None)


def _links(call: AnyCall, image_id: str) -> list[dict[str, str]]:
    bookmark = call.base_url.rsplit("/", 1)[0]
    alternate = {
        "rel": "alternate",
        "type": "application/vnd.openstack.image",
        "href": f"{bookmark}/images/{image_id}",
    }
    return [*list_pages.self_and_bookmark(call, "images", image_id), alternate]
