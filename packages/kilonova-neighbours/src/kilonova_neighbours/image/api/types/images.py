"""The body of an image, in both directions, and the JSON patch (Glance, api/v2/images.py, RequestDeserializer)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kilonova_kit.clock import iso_seconds
from kilonova_kit.errors import BadRequest, Forbidden

from kilonova_neighbours.image.app.patches import CHANGEABLE, Change
from kilonova_neighbours.image.model.images import Image
from kilonova_neighbours.image.model.schemas import check_image

_READ_ONLY = frozenset(
    {"created_at", "updated_at", "status", "checksum", "size", "virtual_size", "os_hash_algo", "os_hash_value"}
    | {"direct_url", "self", "file", "schema", "stores"}
)
_RESERVED = frozenset({"location", "deleted", "deleted_at"})
_GIVEN = frozenset({"id", *CHANGEABLE} - {"tags"})
_OPERATIONS = ("add", "replace", "remove")

PATCH_OLD = "application/openstack-images-v2.0-json-patch"
PATCH_NEW = "application/openstack-images-v2.1-json-patch"


def image_of(body: Any) -> Image:
    """The image a client wants to create. Raises BadRequest, Forbidden."""
    if not isinstance(body, dict):
        raise BadRequest("Body expected in request: a JSON object")
    for name in body:
        _check_name(name, more_read_only=frozenset())
    if "locations" in body:
        raise Forbidden("It's not allowed to add locations if locations are invisible.")
    check_image(body)
    given = {name: value for name, value in body.items() if name in _GIVEN and (name != "id" or value)}
    properties = {name: value for name, value in body.items() if name not in _GIVEN and name != "tags"}
    kept = {name: value for name, value in properties.items() if value is not None}
    tags = tuple(sorted(set(body.get("tags", ()))))
    return Image(**{"id": "", **given, "tags": tags, "properties": kept})


def _check_name(name: str, more_read_only: frozenset[str]) -> None:
    if name in _READ_ONLY or name in more_read_only:
        raise Forbidden(f"Attribute '{name}' is read-only.")
    if name in _RESERVED or name.startswith("os_glance"):
        raise Forbidden(f"Attribute '{name}' is reserved.")
    if len(name) > 255:
        raise BadRequest("Custom property should not be greater than 255 characters.")
    if not name:
        raise BadRequest("A property needs a name.")


def image_body(image: Image) -> dict[str, Any]:
    """The image as every answer shows it."""
    own = f"/v2/images/{image.id}"
    return {
        **image.properties,
        "name": image.name,
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "visibility": image.visibility,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "status": image.status,
        "checksum": image.checksum,
        "protected": image.protected,
        "min_ram": image.min_ram,
        "min_disk": image.min_disk,
        "owner": image.owner,
        "os_hidden": image.os_hidden,
        "os_hash_algo": image.os_hash_algo,
        "os_hash_value": image.os_hash_value,
        "id": image.id,
        "created_at": iso_seconds(image.created_at),
        "updated_at": iso_seconds(image.updated_at),
        "tags": list(image.tags),
        "self": own,
        "file": f"{own}/file",
        "schema": "/v2/schemas/image",
    }


def changes_of(body: Any, *, old_style: bool) -> Sequence[Change]:
    """The operations of a JSON patch. Raises BadRequest, Forbidden."""
    if not isinstance(body, list):
        raise BadRequest("Request body must be a JSON array of operation objects.")
    return [_change(raw, old_style) for raw in body]


def _change(raw: Any, old_style: bool) -> Change:
    if not isinstance(raw, dict):
        raise BadRequest("Operations must be JSON objects.")
    operation, pointer = _old_operation(raw) if old_style else _new_operation(raw)
    name = _name_of(pointer, operation)
    _check_name(name, more_read_only=frozenset({"id"}))
    if name == "locations":
        raise Forbidden(f"It's not allowed to {operation} locations if locations are invisible.")
    if operation == "remove":
        return Change(operation, name, old_style=old_style)
    if "value" not in raw:
        raise BadRequest(f'Operation "{operation}" requires a member named "value".')
    check_image({name: raw["value"]})
    return Change(operation, name, raw["value"], old_style)


def _new_operation(raw: dict[str, Any]) -> tuple[str, Any]:
    operation, known = raw.get("op"), ", ".join(_OPERATIONS)
    if operation is None:
        raise BadRequest(f"Unable to find `op` in JSON Schema change. It must be one of the following: {known}.")
    if operation not in _OPERATIONS:
        raise BadRequest(f"Invalid operation: `{operation}`. It must be one of the following: {known}.")
    if "path" not in raw:
        raise BadRequest("Unable to find 'path' in JSON Schema change")
    return operation, raw["path"]


def _old_operation(raw: dict[str, Any]) -> tuple[str, Any]:
    found = [operation for operation in _OPERATIONS if operation in raw]
    if len(found) != 1:
        raise BadRequest('Operation objects must contain exactly one member named "add", "remove", or "replace".')
    return found[0], raw[found[0]]


def _name_of(pointer: Any, operation: str) -> str:
    """The attribute that a JSON pointer means: only the first level can be changed."""
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise BadRequest(f'Pointer `{pointer}` does not start with "/".')
    if re.search(r"/\s*?/", pointer[1:]):
        raise BadRequest(f'Pointer `{pointer}` contains adjacent "/".')
    if len(pointer) > 1 and pointer.endswith("/"):
        raise BadRequest(f'Pointer `{pointer}` end with "/".')
    if re.search("~[^01]", pointer) or pointer.endswith("~"):
        raise BadRequest(f'Pointer `{pointer}` contains "~" not part of a recognized escape sequence.')
    parts = [part.replace("~1", "/").replace("~0", "~").strip() for part in pointer.lstrip("/").split("/")]
    deepest = 2 if parts[0] == "locations" and operation != "replace" else 1
    if len(parts) != deepest:
        raise BadRequest(f"Invalid JSON pointer for this resource: '/{'/'.join(parts)}'")
    return parts[0]
