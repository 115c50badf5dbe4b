"""The shapes of the Placement API's bodies and parameters, by version (Placement API reference)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from kilonova_kit.http.versioned import Version

from kilonova_placement.api.shapes import Schema

_MOST = 0x7FFFFFFF
_UUID_PATTERN = "^[0-9a-fA-F-]{36}$"
_NAME_PATTERN = "^[A-Z0-9_]+$"
_CUSTOM_PATTERN = "^CUSTOM_[A-Z0-9_]+$"
_LARGEST_RATIO = 3.40282e38


def is_class_name(text: str) -> bool:
    return re.search(_NAME_PATTERN, text) is not None


def _object(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    """An object with these members only."""
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, "additionalProperties": False, **needed, **more}


def _map(pattern: str, of: Schema, **more: Any) -> dict[str, Any]:
    return {"type": "object", "patternProperties": {pattern: of}, "additionalProperties": False, **more}


_UUID = {"type": "string", "format": "uuid"}
_ID = {"type": "string", "minLength": 1, "maxLength": 255}
_INTEGER = {"type": "integer"}
_GENERATION = {"type": ["integer", "null"]}
_TEXT = {"type": "string"}

# --- providers

_PROVIDER_NAME = {"type": "string", "maxLength": 200}
_PARENT = {"type": ["string", "null"], "format": "uuid"}


@cache
def create_provider(version: Version) -> Schema:
    parent = {"parent_provider_uuid": _PARENT} if version >= (1, 14) else {}
    return _object({"name": _PROVIDER_NAME, "uuid": _UUID, **parent}, "name")


@cache
def update_provider(version: Version) -> Schema:
    parent = {"parent_provider_uuid": _PARENT} if version >= (1, 14) else {}
    return _object({"name": _PROVIDER_NAME, **parent}, "name")


_PROVIDER_FILTERS = (("member_of", (1, 3)), ("resources", (1, 4)), ("in_tree", (1, 14)), ("required", (1, 18)))


@cache
def list_providers(version: Version) -> Schema:
    more = {name: _UUID if name == "in_tree" else _TEXT for name, since in _PROVIDER_FILTERS if version >= since}
    return _object({"name": _TEXT, "uuid": _UUID, **more})


# --- inventories


def _amount(least: int) -> Schema:
    return {"type": "integer", "maximum": _MOST, "minimum": least}


_INVENTORY = {
    "resource_provider_generation": _INTEGER,
    "total": _amount(1),
    "reserved": _amount(0),
    "min_unit": _amount(1),
    "max_unit": _amount(1),
    "step_size": _amount(1),
    "allocation_ratio": {"type": "number", "maximum": _LARGEST_RATIO, "minimum": 0},
}
UPDATE_INVENTORY = _object(_INVENTORY, "total", "resource_provider_generation")
CREATE_INVENTORY = _object(
    {**_INVENTORY, "resource_class": {"type": "string", "pattern": _NAME_PATTERN}}, "total", "resource_class"
)
SET_INVENTORIES = _object(
    {
        "resource_provider_generation": _INTEGER,
        "inventories": {"type": "object", "patternProperties": {_NAME_PATTERN: _object(_INVENTORY, "total")}},
    },
    "resource_provider_generation",
    "inventories",
)

# --- names, traits, aggregates

RESOURCE_CLASS = _object({"name": {"type": "string", "pattern": _CUSTOM_PATTERN, "maxLength": 255}}, "name")
CUSTOM_TRAIT = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _CUSTOM_PATTERN}
LIST_TRAITS = _object({"name": _TEXT, "associated": _TEXT})
SET_TRAITS = _object(
    {"traits": {"type": "array", "items": _ID}, "resource_provider_generation": _INTEGER},
    "traits",
    "resource_provider_generation",
)
_AGGREGATES = {"type": "array", "items": _UUID, "uniqueItems": True}


@cache
def set_aggregates(version: Version) -> Schema:
    if version < (1, 19):
        return _AGGREGATES
    known = {"aggregates": _AGGREGATES, "resource_provider_generation": _INTEGER}
    return _object(known, "aggregates", "resource_provider_generation")


# --- allocations

_AMOUNTS = _map(_NAME_PATTERN, {"type": "integer", "minimum": 1}, minProperties=1)
_LISTED = _object(
    {"resource_provider": _object({"uuid": _UUID}, "uuid"), "resources": _AMOUNTS}, "resource_provider", "resources"
)
_BY_PROVIDER = _map(_UUID_PATTERN, _object({"generation": _INTEGER, "resources": _AMOUNTS}, "resources"))
_MAPPINGS = {
    "type": "object",
    "minProperties": 1,
    "patternProperties": {"[a-zA-Z0-9_-]{1,64}": {"type": "array", "minItems": 1, "items": _UUID}},
}
_CONSUMER_TYPE = {"type": "string", "pattern": _NAME_PATTERN, "minLength": 1, "maxLength": 255}


@cache
def put_allocations(version: Version) -> Schema:
    """One consumer's. A list before 1.12; may be empty where the consumer's generation says that it is meant."""
    if version < (1, 12):
        owner = {"project_id": _ID, "user_id": _ID} if version >= (1, 8) else {}
        allocations = {"type": "array", "minItems": 1, "items": _LISTED}
        return _object({"allocations": allocations, **owner}, "allocations", *owner)
    return _allocations(version, may_be_empty=version >= (1, 28))


def _allocations(version: Version, *, may_be_empty: bool) -> Schema:
    known: dict[str, Any] = {
        "allocations": _BY_PROVIDER if may_be_empty else {**_BY_PROVIDER, "minProperties": 1},
        "project_id": _ID,
        "user_id": _ID,
    }
    required = list(known)
    if version >= (1, 28):
        known["consumer_generation"] = _GENERATION
        required.append("consumer_generation")
    if version >= (1, 34):
        known["mappings"] = _MAPPINGS
    if version >= (1, 38):
        known["consumer_type"] = _CONSUMER_TYPE
        required.append("consumer_type")
    return _object(known, *required)


@cache
def post_allocations(version: Version, *, least: int = 1) -> Schema:
    """Many consumers'."""
    return _map(_UUID_PATTERN, _allocations(version, may_be_empty=True), minProperties=least)


@cache
def reshape(version: Version) -> Schema:
    inventories = _map(_UUID_PATTERN, SET_INVENTORIES, minProperties=1)
    known = {"inventories": inventories, "allocations": post_allocations(version, least=0)}
    return _object(known, "inventories", "allocations")


# --- usages and candidates


@cache
def list_usages(version: Version) -> Schema:
    kind = {**_CONSUMER_TYPE, "pattern": f"{_NAME_PATTERN}|^all|^unknown$"}
    return _object(
        {"project_id": _ID, "user_id": _ID, **({"consumer_type": kind} if version >= (1, 38) else {})}, "project_id"
    )


_LIMIT = {"type": ["integer", "string"], "pattern": "^[1-9][0-9]*$", "minimum": 1, "minLength": 1}


@cache
def list_candidates(version: Version) -> Schema:
    known: dict[str, Any] = {}
    if version < (1, 25):
        plain = (("resources", (1, 10)), ("required", (1, 17)), ("member_of", (1, 21)))
        known |= {name: _TEXT for name, since in plain if version >= since}
    if version >= (1, 16):
        known["limit"] = _LIMIT
    if version < (1, 25):
        return _object(known, "resources")
    known["group_policy"] = {"type": "string", "enum": ["none", "isolate"]}
    known |= {
        name: _TEXT for name, since in (("root_required", (1, 35)), ("same_subtree", (1, 36))) if version >= since
    }
    names = ["resources", "required", "member_of", *(["in_tree"] if version >= (1, 31) else [])]
    suffix = "[a-zA-Z0-9_-]{1,64}" if version >= (1, 33) else "[1-9][0-9]*"
    return _object(known, patternProperties={f"^{name}({suffix})?$": _TEXT for name in names})
