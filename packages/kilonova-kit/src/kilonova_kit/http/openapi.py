"""OpenAPI 3.1 documents, written from a service's table as it is at one microversion.

What the edge does with a request and what the document says of it come from the same table, so they cannot differ:
an operation is in the document when it serves the version, a field when its marks do. A change of shape that marks
cannot say (``Change``) is told in words, in the operation's description. The document is plain data, and the same
table always gives the same one.
"""

from __future__ import annotations

import inspect as python
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from kilonova_kit.errors import KilonovaError
from kilonova_kit.http.faults import title_of
from kilonova_kit.http.microversions import Microversions, text
from kilonova_kit.http.operations import Change, Operation, Service
from kilonova_kit.http.versioned import NEVER, Version

Document = dict[str, Any]

_VARIABLE = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_REFERENCE = "#/components/schemas/"


class _Schemas:
    """The schemas of all types that a table names, at one version."""

    def __init__(self, kinds: Iterable[Any], version: Version) -> None:
        self._version = version
        wanted = _distinct(kinds)
        structs = _distinct(struct for kind in wanted for struct in _structs(inspect.type_info(kind), set()))
        made, self.components = msgspec.json.schema_components(
            [*wanted, *structs], schema_hook=_unknown_type, ref_template=_REFERENCE + "{name}"
        )
        self._by_kind = list(zip(wanted, made[: len(wanted)], strict=True))
        for struct, reference in zip(structs, made[len(wanted) :], strict=True):
            self._hide(struct, reference["$ref"].removeprefix(_REFERENCE))

    def of(self, kind: Any) -> Document:
        return next(schema for known, schema in self._by_kind if known == kind)

    def parameters(self, query: type[msgspec.Struct]) -> list[Document]:
        """A Struct of query parameters, one by one."""
        schema = self.components[self.of(query)["$ref"].removeprefix(_REFERENCE)]
        required = schema.get("required", ())
        return [
            {"name": name, "in": "query", "schema": of_one} | ({"required": True} if name in required else {})
            for name, of_one in schema["properties"].items()
        ]

    def _hide(self, struct: type, name: str) -> None:
        """Take the fields of other versions out of a component."""
        schema = self.components[name]
        hidden = {field for field, shown in _marked(struct, self._version) if not shown}
        schema["properties"] = {
            field: of_one for field, of_one in schema.get("properties", {}).items() if field not in hidden
        }
        required = [field for field in schema.pop("required", ()) if field not in hidden]
        if required:
            schema["required"] = required


def _distinct(kinds: Iterable[Any]) -> list[Any]:
    """Without repetitions, in order; types need not be hashable."""
    found: list[Any] = []
    for kind in kinds:
        if kind not in found:
            found.append(kind)
    return found


def _unknown_type(kind: Any) -> Document:
    """A type of our own that is text on the wire."""
    return {"type": "string", "description": str(getattr(kind, "__name__", kind))}


def _structs(info: Any, seen: set[type]) -> Iterator[type]:
    """Every Struct within a type."""
    if isinstance(info, inspect.StructType):
        if info.cls in seen:
            return
        seen.add(info.cls)
        yield info.cls
        for field in info.fields:
            yield from _structs(field.type, seen)
        return
    for name in ("type", "types", "item_type", "item_types", "key_type", "value_type"):
        below = getattr(info, name, None)
        for one in below if isinstance(below, tuple) else (below,):
            if isinstance(one, inspect.Type):
                yield from _structs(one, seen)


def _marked(struct: type, version: Version) -> Iterator[tuple[str, bool]]:
    """The marked fields of a Struct, and whether they are there at this version."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        extra = (field.type.extra or {}) if isinstance(field.type, inspect.Metadata) else {}
        if "since" in extra or "until" in extra:
            yield field.encode_name, extra.get("since", (0, 0)) <= version < extra.get("until", NEVER)


def openapi_document(service: Service, version: Version = (0, 0), *, release: str) -> Document:
    """The document of a service at a version ((0, 0) for one without microversions). ``release``: of the software."""
    operations = [operation for operation in service.operations if operation.serves(version)]
    schemas = _Schemas(_types(operations), version)
    spoken = service.microversions
    title = f"Kilonova {service.name} API" + (f", microversion {text(version)}" if spoken else "")
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": release},
        "servers": [{"url": service.prefix}],
        "security": [{"token": []}],
        "paths": _paths(service, operations, schemas, version),
        "components": {
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}},
            "parameters": {"microversion": _microversion(spoken, version)} if spoken else {},
            "responses": {str(status): _refusal(service, status) for status in _refusals(service, operations)},
            "schemas": dict(sorted(schemas.components.items())),
        },
    }


def _types(operations: Iterable[Operation]) -> Iterator[Any]:
    for operation in operations:
        yield operation.query
        if operation.takes is not None and operation.takes is not bytes:
            yield operation.takes
        if operation.returns is not None:
            yield operation.returns


def _paths(service: Service, operations: Iterable[Operation], schemas: _Schemas, version: Version) -> Document:
    paths: dict[str, Document] = {}
    named: set[str] = set()
    for operation in operations:
        path = operation.path[1:] if operation.path.startswith("//") else service.base_path + operation.path
        methods = paths.setdefault(_VARIABLE.sub(r"{\1}", path) or "/", {})
        if operation.method.lower() in methods:  # the edge takes the first that serves, too
            continue
        described = _operation(service, operation, schemas, version)
        if operation.name in named:
            described["operationId"] = f"{operation.name}:{operation.method.lower()}:{path}"
        named.add(operation.name)
        methods[operation.method.lower()] = described
    return dict(sorted(paths.items()))


def _operation(service: Service, operation: Operation, schemas: _Schemas, version: Version) -> Document:
    changes = [change for change in service.changes if version < change.version and operation.name in change.operations]
    parameters = [_variable(name) for name in _VARIABLE.findall(operation.path)]
    parameters += schemas.parameters(operation.query)
    if service.microversions:
        parameters.append({"$ref": "#/components/parameters/microversion"})
    refusals = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _refused(service, operation)}
    return {
        "operationId": operation.name,
        "summary": operation.summary or _first_line(operation),
        "description": _description(operation, changes),
        "tags": [_tag(operation.path)],
        **({"security": []} if operation.public else {}),
        **({"parameters": parameters} if parameters else {}),
        **_request_body(operation, schemas),
        "responses": {str(operation.status): _success(operation, schemas), **refusals},
    }


def _variable(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _first_line(operation: Operation) -> str:
    """The handler's own first line, else the operation's name in words."""
    said = (python.getdoc(operation.handler) or "") if python.isroutine(operation.handler) else ""
    return said.splitlines()[0] if said else re.sub(r"[._:-]+", " ", operation.name)


def _description(operation: Operation, changes: Sequence[Change]) -> str:
    lines = [f"Policy: `{operation.policy.name}`, by default {operation.policy.rule.__name__.replace('_', ' ')}."]
    lines += [f"Before {text(change.version)} the shape is an older one: {change.summary}" for change in changes]
    return "\n\n".join(lines)


def _tag(path: str) -> str:
    """The resource that the path is of."""
    words = [part for part in path.split("/") if part and not part.startswith("{")]
    return words[0] if words else "versions"


def _request_body(operation: Operation, schemas: _Schemas) -> Mapping[str, Any]:
    if operation.takes is None:
        return {}
    if operation.takes is bytes:
        return {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}
    content = {kind: {"schema": schemas.of(operation.takes)} for kind in operation.content_types}
    return {"requestBody": {"required": not operation.body_optional, "content": content}}


def _success(operation: Operation, schemas: _Schemas) -> Document:
    described: Document = {"description": title_of(operation.status)}
    if operation.returns is not None:
        described["content"] = {"application/json": {"schema": schemas.of(operation.returns)}}
    return described


def _refused(service: Service, operation: Operation) -> list[int]:
    """The statuses of the errors that this operation may answer with."""
    asked = {
        400: operation.takes is not None or operation.query.__struct_fields__,
        401: not operation.public,
        403: not operation.public,
        404: "{" in operation.path,
        406: service.microversions is not None,
        409: operation.method != "GET" and not operation.public,
        413: operation.takes is not None,
        415: operation.takes is not None and operation.takes is not bytes,
    }
    return [status for status, may_be in asked.items() if may_be and status != operation.status]


def _refusals(service: Service, operations: Iterable[Operation]) -> list[int]:
    return sorted({status for operation in operations for status in _refused(service, operation)})


def _refusal(service: Service, status: int) -> Document:
    """An error's answer, with the body that this service gives it."""
    error = KilonovaError("Words that say what is wrong.")
    error.status = status
    _, body = service.faults(error, "req-00000000-0000-0000-0000-000000000000")
    return {
        "description": title_of(status),
        "content": {"application/json": {"schema": {"type": "object"}, "example": body}},
    }


def _microversion(spoken: Microversions, version: Version) -> Document:
    return {
        "name": "OpenStack-API-Version",
        "in": "header",
        "description": f"The minimum, {text(spoken.minimum)}, is spoken where it is absent.",
        "required": version != spoken.minimum,
        "schema": {"type": "string", "const": f"{spoken.service_type} {text(version)}"},
    }
