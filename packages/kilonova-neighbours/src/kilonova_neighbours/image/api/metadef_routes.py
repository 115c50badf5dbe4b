"""The part of the URL table below ``/v2/metadefs``. Reading is for readers, everything else for administrators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, admin, authenticated, reader

from kilonova_neighbours.image.api import discovery, metadefs

_ALL = "/metadefs/namespaces"
_ONE = _ALL + "/{namespace}"
_TYPES = _ONE + "/resource_types"
_PLURALS = {"object": "objects", "property": "properties", "tag": "tags"}


def _read(name: str, path: str, handler: metadefs.Handler) -> Operation:
    rule = Policy(f"get_{name.removeprefix('show_').removeprefix('list_')}", reader)
    return Operation(name=name, method="GET", path=path, handler=handler, policy=rule)


def _write(name: str, method: str, path: str, handler: metadefs.Handler, takes: Any = Any) -> Operation:
    verb, _, noun = name.partition("_metadef_")
    policy = Policy({"create": "add", "update": "modify"}.get(verb, "delete") + f"_metadef_{noun}", admin)
    status = {"POST": 201, "DELETE": 204}.get(method, 200)
    takes = None if method == "DELETE" else takes
    return Operation(name=name, method=method, path=path, handler=handler, policy=policy, takes=takes, status=status)


def _of_kind(kind: str, plural: str) -> Iterator[Operation]:
    every, one = f"{_ONE}/{plural}", f"{_ONE}/{plural}/{{name}}"
    noun = f"metadef_{kind}"
    yield _read(f"list_metadef_{plural}", every, metadefs.lister(kind))
    yield _read(f"show_{noun}", one, metadefs.shower(kind))
    if kind == "tag":
        yield _write(f"create_{noun}", "POST", one, metadefs.creator(kind), takes=None)
        yield _write("create_metadef_tags", "POST", every, metadefs.create_tags)
    else:
        yield _write(f"create_{noun}", "POST", every, metadefs.creator(kind))
    yield _write(f"update_{noun}", "PUT", one, metadefs.updater(kind))
    yield _write(f"delete_{noun}", "DELETE", one, metadefs.remover(kind))
    yield _write(f"delete_all_{noun}", "DELETE", every, metadefs.remover(kind))


METADEF_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="show_metadef_schema",
        method="GET",
        path="/schemas/metadefs/{name}",
        handler=discovery.metadef_schema,
        policy=Policy("get_schema", authenticated),
    ),
    _read("list_metadef_resource_types", "/metadefs/resource_types", metadefs.resource_types),
    _read("list_metadef_namespaces", _ALL, metadefs.list_namespaces),
    _write("create_metadef_namespace", "POST", _ALL, metadefs.create_namespace),
    _read("show_metadef_namespace", _ONE, metadefs.show_namespace),
    _write("update_metadef_namespace", "PUT", _ONE, metadefs.update_namespace),
    _write("delete_metadef_namespace", "DELETE", _ONE, metadefs.delete_namespace),
    _read("list_metadef_associations", _TYPES, metadefs.lister("association")),
    _write("create_metadef_association", "POST", _TYPES, metadefs.creator("association")),
    _write("delete_metadef_association", "DELETE", _TYPES + "/{name}", metadefs.remover("association")),
    *(operation for kind, plural in _PLURALS.items() for operation in _of_kind(kind, plural)),
)
