"""A JSON patch applied to an image: which attributes may change, and when (Glance, api/v2/images.py, ImagesController).

Paths and values were checked when the body was decoded; here it is about the image they meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """The image with the changes, one after the other. Raises Forbidden, Conflict."""
    draft = {name: getattr(image, name) for name in CHANGEABLE}
    properties = dict(image.properties)
    for change in changes:
        if change.operation == "remove":
            _remove(properties, change.name)
        else:
            _check(image, draft, properties, change, is_admin)
            _set(draft, properties, change)
    return msgspec.structs.replace(image, properties=properties, **draft)


def _remove(properties: dict[str, str], name: str) -> None:
    if name in CHANGEABLE:
        raise Forbidden(f"Property {name} may not be removed.")
    if properties.pop(name, None) is None:
        raise Conflict(f"Property {name} does not exist.")


def _check(
    image: Image, draft: Mapping[str, Any], properties: Mapping[str, str], change: Change, is_admin: bool
) -> None:
    name, there = change.name, change.name in CHANGEABLE or change.name in properties
    if change.operation == "add" and change.old_style and there:
        raise Conflict(f"Property {name} already present.")
    if change.operation == "replace" and not there:
        raise Conflict(f"Property {name} does not exist.")
    if name == "owner" and not is_admin:
        raise Forbidden("Owner can't be updated by non admin.")
    if name in _WHILE_QUEUED and image.status != "queued" and change.value != draft[name]:
        raise Forbidden(f"Attribute {name} can be only replaced for a queued image.")


def _set(draft: dict[str, Any], properties: dict[str, str], change: Change) -> None:
    """A property that is set to nothing (some schemas allow null) is gone."""
    if change.name == "tags":
        draft["tags"] = tuple(sorted(set(change.value)))
    elif change.name in CHANGEABLE:
        draft[change.name] = change.value
    elif change.value is None:
        properties.pop(change.name, None)
    else:
        properties[change.name] = change.value
