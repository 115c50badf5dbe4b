"""Bodies of metadata definitions, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilonova_kit.clock import iso_seconds
from kilonova_kit.errors import BadRequest, Forbidden

from kilonova_neighbours.image.model.metadef_schemas import (
    ASSOCIATION_FIELDS,
    NAMESPACE_FIELDS,
    OBJECT_FIELDS,
    PROPERTY_FIELDS,
    TAG_FIELDS,
)
from kilonova_neighbours.image.model.metadefs import Definition, Namespace
from kilonova_neighbours.image.model.schemas import Schema, check

_FIELDS: Mapping[str, Mapping[str, Schema]] = {
    "object": OBJECT_FIELDS,
    "property": PROPERTY_FIELDS,
    "tag": TAG_FIELDS,
    "association": ASSOCIATION_FIELDS,
}
_REQUIRED = {"object": ("name",), "property": ("name", "title", "type"), "tag": ("name",), "association": ("name",)}
_READ_ONLY = frozenset({"self", "schema", "created_at", "updated_at"})
_PLAIN = ("namespace", "display_name", "description", "visibility", "protected", "owner")


def _checked(kind: str, body: Any, fields: Mapping[str, Schema], required: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadRequest("Body expected in request: a JSON object")
    for name in body:
        if name in _READ_ONLY:
            raise Forbidden(f"Attribute '{name}' is read-only.")
        if name not in fields:
            raise BadRequest(
                f"Provided object does not match schema '{kind}': Additional properties are not allowed "
                f"('{name}' was unexpected)"
            )
        check(kind, name, body[name], fields[name])
    for name in required:
        if name not in body:
            raise BadRequest(f"Provided object does not match schema '{kind}': '{name}' is a required property")
    return body


def definition_of(kind: str, namespace: str, body: Any) -> Definition:
    """Raises BadRequest, Forbidden."""
    given = _checked(kind, body, _FIELDS[kind], _REQUIRED[kind])
    for name, inner in (given.get("properties") or {}).items() if kind == "object" else ():
        _checked("property", inner, _FIELDS["property"], ("title", "type"))
        if len(name) > 255:
            raise BadRequest("A property's name has at most 255 characters")
    kept = {name: value for name, value in given.items() if name != "name"}
    return Definition(namespace=namespace, kind=kind, name=given["name"], body=kept)


def namespace_of(body: Any, owner: str | None) -> tuple[Namespace, list[Definition]]:
    """A namespace and all that a create body holds within. Raises BadRequest, Forbidden."""
    given = _checked("namespace", body, NAMESPACE_FIELDS, ("namespace",))
    made = Namespace(**{"owner": owner, **{name: given[name] for name in _PLAIN if name in given}})
    name, within = made.namespace, list[Definition]()
    for kind, field in (("association", "resource_type_associations"), ("object", "objects"), ("tag", "tags")):
        within += [definition_of(kind, name, each) for each in given.get(field, ())]
    for title, each in given.get("properties", {}).items():
        within.append(definition_of("property", name, {**each, "name": title} if isinstance(each, dict) else each))
    return made, within


def namespace_body(namespace: Namespace) -> dict[str, Any]:
    shown = {name: getattr(namespace, name) for name in _PLAIN}
    return {
        **{name: value for name, value in shown.items() if value is not None},
        "created_at": iso_seconds(namespace.created_at),
        "updated_at": iso_seconds(namespace.updated_at),
        "self": f"/v2/metadefs/namespaces/{namespace.namespace}",
        "schema": "/v2/schemas/metadefs/namespace",
    }


def definition_body(definition: Definition) -> dict[str, Any]:
    body = {"name": definition.name, **definition.body}
    if definition.kind == "property":
        return body
    body |= {"created_at": iso_seconds(definition.created_at), "updated_at": iso_seconds(definition.updated_at)}
    if definition.kind == "object":
        body.setdefault("required", [])
        body.setdefault("properties", {})
        body["self"] = f"/v2/metadefs/namespaces/{definition.namespace}/objects/{definition.name}"
        body["schema"] = "/v2/schemas/metadefs/object"
    return body


def list_body(kind: str, found: list[Definition]) -> dict[str, Any]:
    """A whole list, in the form that each kind has."""
    items = [definition_body(each) for each in found]
    if kind == "property":
        without = [{name: value for name, value in item.items() if name != "name"} for item in items]
        return {"properties": {each.name: item for each, item in zip(found, without, strict=True)}}
    if kind == "association":
        return {"resource_type_associations": items}
    return {f"{kind}s": items, "schema": f"/v2/schemas/metadefs/{kind}s"}
