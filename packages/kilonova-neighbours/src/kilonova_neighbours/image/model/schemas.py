"""The JSON schemas that the API publishes, and the checks they stand for (Glance, api/v2/images.py and others).

Clients build their command lines and forms from these, so names, types and read-only marks are Glance's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kilonova_kit.errors import BadRequest

from kilonova_neighbours.image.model.images import CONTAINER_FORMATS, DISK_FORMATS, VISIBILITIES

_STATUSES = [
    "queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete", "deactivated",
]  # fmt: skip
_UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"

Schema = dict[str, Any]


def _text(description: str, *, most: int | None = None, null: bool = False, read_only: bool = False) -> Schema:
    schema: Schema = {"type": ["null", "string"] if null else "string", "description": description}
    if most is not None:
        schema["maxLength"] = most
    if read_only:
        schema["readOnly"] = True
    return schema


def _number(description: str, *, read_only: bool = False) -> Schema:
    if read_only:
        return {"type": ["null", "integer"], "readOnly": True, "description": description}
    return {"type": "integer", "description": description, "minimum": 0, "maximum": 2147483647}


IMAGE_PROPERTIES: Mapping[str, Schema] = {
    "id": {"type": "string", "description": "An identifier for the image", "pattern": _UUID},
    "name": _text("Descriptive name for the image", most=255, null=True),
    "status": {"type": "string", "readOnly": True, "description": "Status of the image", "enum": _STATUSES},
    "visibility": {"type": "string", "description": "Scope of image accessibility", "enum": list(VISIBILITIES)},
    "protected": {"type": "boolean", "description": "If true, image will not be deletable."},
    "os_hidden": {
        "type": "boolean",
        "description": "If true, image will not appear in default image list response.",
    },
    "checksum": _text("md5 hash of image contents.", most=32, null=True, read_only=True),
    "os_hash_algo": _text("Algorithm to calculate the os_hash_value", most=64, null=True, read_only=True),
    "os_hash_value": _text(
        "Hexdigest of the image contents using the algorithm specified by the os_hash_algo",
        most=128,
        null=True,
        read_only=True,
    ),
    "owner": _text("Owner of the image", most=255, null=True),
    "size": _number("Size of image file in bytes", read_only=True),
    "virtual_size": _number("Virtual size of image in bytes", read_only=True),
    "container_format": {
        "type": ["null", "string"],
        "description": "Format of the container",
        "enum": [None, *CONTAINER_FORMATS],
    },
    "disk_format": {"type": ["null", "string"], "description": "Format of the disk", "enum": [None, *DISK_FORMATS]},
    "created_at": _text("Date and time of image registration", read_only=True),
    "updated_at": _text("Date and time of the last image modification", read_only=True),
    "tags": {
        "type": "array",
        "description": "List of strings related to the image",
        "items": {"type": "string", "maxLength": 255},
    },
    "direct_url": _text("URL to access the image file kept in external store", read_only=True),
    "min_ram": _number("Amount of ram (in MB) required to boot image."),
    "min_disk": _number("Amount of disk space (in GB) required to boot image."),
    "self": _text("An image self url", read_only=True),
    "file": _text("An image file url", read_only=True),
    "stores": _text(
        "Store in which image data resides.  Only present when the operator has enabled multiple stores.  "
        "May be a comma-separated list of store identifiers.",
        read_only=True,
    ),
    "schema": _text("An image schema url", read_only=True),
    "locations": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"url": {"type": "string", "maxLength": 255}, "metadata": {"type": "object"}},
            "required": ["url", "metadata"],
        },
        "description": "A set of URLs to access the image file kept in external store",
    },
}

#: Known names that are no columns: a plain property, with a description for clients (Glance, schema-image.json).
WELL_KNOWN_PROPERTIES: Mapping[str, Schema] = {
    "kernel_id": {
        "type": ["null", "string"],
        "pattern": _UUID,
        "description": "ID of image stored in Glance that should be used as the kernel when booting an "
        "AMI-style image.",
        "is_base": False,
    },
    "ramdisk_id": {
        "type": ["null", "string"],
        "pattern": _UUID,
        "description": "ID of image stored in Glance that should be used as the ramdisk when booting an "
        "AMI-style image.",
        "is_base": False,
    },
    "instance_uuid": _text(
        "Metadata which can be used to record which instance this image is associated with. "
        "(Informational only, does not create an instance snapshot.)"
    )
    | {"is_base": False},
    "architecture": _text(
        "Operating system architecture as specified in "
        "https://docs.openstack.org/python-glanceclient/latest/cli/property-keys.html"
    )
    | {"is_base": False},
    "os_distro": _text(
        "Common name of operating system distribution as specified in "
        "https://docs.openstack.org/python-glanceclient/latest/cli/property-keys.html"
    )
    | {"is_base": False},
    "os_version": _text("Operating system version as specified by the distributor.") | {"is_base": False},
}

IMAGE: Schema = {
    "name": "image",
    "properties": {**WELL_KNOWN_PROPERTIES, **IMAGE_PROPERTIES},
    "additionalProperties": {"type": "string"},
    "links": [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}


def collection(name: str, item: Schema, links: list[dict[str, str]] | None = None) -> Schema:
    """The schema of a list of items, with Glance's paging links."""
    return {
        "name": name,
        "properties": {
            name: {"type": "array", "items": item},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": links
        or [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


MEMBER: Schema = {
    "name": "member",
    "properties": {
        "member_id": {"type": "string", "description": "An identifier for the image member (tenantId)"},
        "image_id": {"type": "string", "description": "An identifier for the image", "pattern": _UUID},
        "created_at": {"type": "string", "description": "Date and time of image member creation"},
        "updated_at": {"type": "string", "description": "Date and time of last modification of image member"},
        "status": {
            "type": "string",
            "description": "The status of this image member",
            "enum": ["pending", "accepted", "rejected"],
        },
        "schema": {"readOnly": True, "type": "string"},
    },
}

TASK: Schema = {
    "name": "task",
    "properties": {
        "id": {"description": "An identifier for the task", "pattern": _UUID, "type": "string"},
        "type": {
            "description": "The type of task represented by this content",
            "enum": ["import", "api_image_import", "location_import"],
            "type": "string",
        },
        "status": {
            "description": "The current status of this task",
            "enum": ["pending", "processing", "success", "failure"],
            "type": "string",
        },
        "input": {"description": "The parameters required by task, JSON blob", "type": ["null", "object"]},
        "result": {"description": "The result of current task, JSON blob", "type": ["null", "object"]},
        "owner": {"description": "An identifier for the owner of this task", "type": "string"},
        "message": {
            "description": "Human-readable informative message only included when appropriate (usually on failure)",
            "type": "string",
        },
        "expires_at": {
            "description": "Datetime when this resource would be subject to removal",
            "type": ["null", "string"],
        },
        "created_at": {"description": "Datetime when this resource was created", "type": "string"},
        "updated_at": {"description": "Datetime when this resource was updated", "type": "string"},
        "self": {"readOnly": True, "type": "string"},
        "schema": {"readOnly": True, "type": "string"},
    },
}

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def check_image(values: Mapping[str, Any]) -> None:
    """Raises BadRequest, in Glance's words, for a value that the image schema does not allow."""
    for name, value in values.items():
        schema = IMAGE_PROPERTIES.get(name) or WELL_KNOWN_PROPERTIES.get(name) or {"type": "string"}
        check("image", name, value, schema)


def check(kind: str, name: str, value: Any, schema: Schema) -> None:
    """Check one value by the few words that our schemas use. Raises BadRequest."""
    reason = _wrong(value, schema)
    if reason:
        raise BadRequest(f"Provided object does not match schema '{kind}': {reason}: {name}")


def _wrong(value: Any, schema: Schema) -> str:
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(_is_of(value, kind) for kind in kinds):
        return f"{value!r} is not of type {', '.join(repr(kind) for kind in kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is not one of {schema['enum']!r}"
    if isinstance(value, str):
        return _wrong_text(value, schema)
    if isinstance(value, int) and not isinstance(value, bool):
        return _wrong_number(value, schema)
    if isinstance(value, list) and "items" in schema:
        return next((reason for item in value if (reason := _wrong(item, schema["items"]))), "")
    return ""


def _is_of(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and not (isinstance(value, bool) and kind == "integer")


def _wrong_text(value: str, schema: Schema) -> str:
    if len(value) < schema.get("minLength", 0):
        return f"{value!r} is too short"
    if len(value) > schema.get("maxLength", len(value)):
        return f"{value!r} is too long"
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):  # its $ would let a line end follow
        return f"{value!r} does not match {schema['pattern']!r}"
    if "\0" in value:
        return f"{value!r} has a NUL character"
    return ""


def _wrong_number(value: int, schema: Schema) -> str:
    if value < schema.get("minimum", value):
        return f"{value} is less than the minimum of {schema['minimum']}"
    if value > schema.get("maximum", value):
        return f"{value} is greater than the maximum of {schema['maximum']}"
    return ""
