"""A JSON patch applied to an image: which attributes may change, and when (Glance, api/v2/images.py, ImagesController).

Paths and values were checked when the body was decoded; here it is about the image they meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from kilonova_kit.errors import Conflict, Forbidden

from kilonova_neighbours.image.model.images import Image

#: What an owner may set; every other name is a property.
CHANGEABLE = frozenset(
    {"name", "owner", "visibility", "protected", "os_hidden", "tags"}
    | {"disk_format", "container_format", "min_disk", "min_ram"}
)
_WHILE_QUEUED = frozenset({"disk_format", "container_format"})


class Change(msgspec.Struct, frozen=True):
    """``operation`` is add, replace or remove. ``old_style``: the 2.0 patch, where "add" refuses what is there."""

    operation: str
    name: str
    value: Any = None
    old_style: bool = False


def patched(image: Image, changes: Sequence[Change], *, is_admin: bool) -> Image:
    """The image with the changes. Raises Forbidden, Conflict."""
    for change in changes:
        removes = change.operation == "remove"
        image = _without(image, change.name) if removes else _with(image, change, is_admin)
    return image


def _without(image: Image, name: str) -> Image:
    if name in CHANGEABLE:
        raise Forbidden(f"Property {name} may not be removed.")
    if name not in image.properties:
        raise Conflict(f"Property {name} does not exist.")
    kept = {each: value for each, value in image.properties.items() if each != name}
    return msgspec.structs.replace(image, properties=kept)


def _with(image: Image, change: Change, is_admin: bool) -> Image:
    name, there = change.name, change.name in CHANGEABLE or change.name in image.properties
    if change.operation == "add" and change.old_style and there:
        raise Conflict(f"Property {name} already present.")
    if change.operation == "replace" and not there:
        raise Conflict(f"Property {name} does not exist.")
    if name not in CHANGEABLE:
        return msgspec.structs.replace(image, properties={**image.properties, name: change.value})
    if name == "owner" and not is_admin:
        raise Forbidden("Owner can't be updated by non admin.")
    if name in _WHILE_QUEUED and image.status != "queued" and change.value != getattr(image, name):
        raise Forbidden(f"Attribute {name} can be only replaced for a queued image.")
    value = tuple(sorted(set(change.value))) if name == "tags" else change.value
    return msgspec.structs.replace(image, **{name: value})
