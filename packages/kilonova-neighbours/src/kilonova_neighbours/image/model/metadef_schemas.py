"""The JSON schemas of metadata definitions, as Glance publishes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilonova_neighbours.image.model.schemas import Schema, collection

_TIMES: Schema = {
    "created_at": {"type": "string", "readOnly": True, "description": "Date and time of creation"},
    "updated_at": {"type": "string", "readOnly": True, "description": "Date and time of the last modification"},
}
_NAME: Schema = {"type": "string", "maxLength": 80, "minLength": 1}
_LINKS: Schema = {"self": {"readOnly": True, "type": "string"}, "schema": {"readOnly": True, "type": "string"}}

PROPERTY_FIELDS: Mapping[str, Schema] = {
    "name": _NAME,
    "title": {"type": "string"},
    "description": {"type": "string"},
    "operators": {"type": "array", "items": {"type": "string"}},
    "type": {"type": "string", "enum": ["array", "boolean", "integer", "number", "object", "string", None]},
    "required": {"type": "array", "items": {"type": "string"}},
    "minimum": {"type": ["integer", "number"]},
    "maximum": {"type": ["integer", "number"]},
    "maxLength": {"type": "integer", "minimum": 0},
    "minLength": {"type": "integer", "minimum": 0},
    "pattern": {"type": "string"},
    "enum": {"type": "array"},
    "readonly": {"type": "boolean"},
    "default": {"type": ["array", "boolean", "integer", "number", "object", "string", "null"]},
    "items": {"type": "object"},
    "uniqueItems": {"type": "boolean"},
    "minItems": {"type": "integer", "minimum": 0},
    "maxItems": {"type": "integer", "minimum": 0},
    "additionalItems": {"type": "boolean"},
}
ASSOCIATION_FIELDS: Mapping[str, Schema] = {
    "name": _NAME,
    "prefix": {"type": "string", "maxLength": 80},
    "properties_target": {"type": "string", "maxLength": 80},
    **_TIMES,
}
OBJECT_FIELDS: Mapping[str, Schema] = {
    "name": {"type": "string", "maxLength": 255, "minLength": 1},
    "description": {"type": "string"},
    "required": {"type": "array", "items": {"type": "string"}},
    "properties": {"type": "object"},
    **_LINKS,
    **_TIMES,
}
TAG_FIELDS: Mapping[str, Schema] = {"name": _NAME, **_TIMES}
NAMESPACE_FIELDS: Mapping[str, Schema] = {
    "namespace": {"type": "string", "description": "The unique namespace text.", "maxLength": 80, "minLength": 1},
    "display_name": {"type": "string", "description": "The user friendly name for the namespace.", "maxLength": 80},
    "description": {"type": "string", "description": "Provides a user friendly description.", "maxLength": 500},
    "visibility": {"type": "string", "description": "Scope of accessibility.", "enum": ["public", "private"]},
    "protected": {"type": "boolean", "description": "If true, namespace will not be deletable."},
    "owner": {"type": "string", "description": "Owner of the namespace.", "maxLength": 255},
    "resource_type_associations": {"type": "array", "items": {"type": "object"}},
    "properties": {"type": "object"},
    "objects": {"type": "array", "items": {"type": "object"}},
    "tags": {"type": "array", "items": {"type": "object"}},
    **_LINKS,
    **_TIMES,
}


def _item(name: str, fields: Mapping[str, Schema], required: list[str]) -> Schema:
    return {"name": name, "properties": dict(fields), "required": required, "additionalProperties": False}


_NAMESPACE = _item("namespace", NAMESPACE_FIELDS, ["namespace"])
_OBJECT = _item("object", OBJECT_FIELDS, ["name"])
_PROPERTY = _item("property", PROPERTY_FIELDS, ["name", "title", "type"])
_TAG = _item("tag", TAG_FIELDS, ["name"])
_ASSOCIATION = _item("resource_type_association", ASSOCIATION_FIELDS, ["name"])
_PROPERTIES: dict[str, Any] = {
    "name": "properties",
    "properties": {"properties": {"type": "object", "additionalProperties": _PROPERTY}},
    "links": [{"rel": "first", "href": "{first}"}, {"rel": "describedby", "href": "{schema}"}],
}

SCHEMAS: Mapping[str, Schema] = {
    "namespace": _NAMESPACE,
    "namespaces": collection("namespaces", _NAMESPACE),
    "resource_type": _ASSOCIATION,
    "resource_types": collection("resource_type_associations", _ASSOCIATION),
    "property": _PROPERTY,
    "properties": _PROPERTIES,
    "object": _OBJECT,
    "objects": collection("objects", _OBJECT),
    "tag": _TAG,
    "tags": collection("tags", _TAG),
}
