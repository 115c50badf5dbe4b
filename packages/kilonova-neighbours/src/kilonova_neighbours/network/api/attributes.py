"""The machinery of attribute tables: a body to a record with defaults, and a record to what the caller may see.

The order of checks, and the words, are Neutron's (neutron/api/v2/base.py, neutron_lib/api/attributes.py): shape of the
body, unknown names, names that may not be set, required ones, values. Who may set an attribute is decided in ``app``.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kilonova_neighbours.network.api.converters import Converter, anything, text, uuid
from kilonova_neighbours.network.model.records import Actor, Record
from kilonova_neighbours.network.model.refusals import bad_request


class _Absent:
    """The default of an attribute that stays away from the record when the body has none."""


ABSENT: Final = _Absent()
REQUIRED: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line of a table: may POST set it, may PUT, what stands in for it, who sees it."""

    name: str
    convert: Converter = anything
    post: bool = False
    put: bool = False
    default: Any = ABSENT
    shown: bool = True
    admin_only: bool = False


#: What every resource has (standard attributes).
STANDARD = (
    Attribute("id", uuid),
    Attribute("project_id", text(), post=True),
    Attribute("tenant_id", text(), post=True),
    Attribute("description", text(), post=True, put=True, default=""),
    Attribute("revision_number"),
    Attribute("created_at"),
    Attribute("updated_at"),
)
TAGS = (Attribute("tags"),)
NAME = Attribute("name", text(), post=True, put=True, default="")


class AttributeTable:
    """A resource's attributes, and the two ways through them."""

    def __init__(self, singular: str, plural: str, attributes: Sequence[Attribute]) -> None:
        self.singular, self.plural = singular, plural
        self.by_name: Mapping[str, Attribute] = {attribute.name: attribute for attribute in attributes}
        self._everyone = tuple(a.name for a in attributes if a.shown and not a.admin_only and a.name != "tenant_id")
        self._admins = tuple(a.name for a in attributes if a.shown and a.name != "tenant_id")

    def read_create(self, body: Any, actor: Actor) -> tuple[list[Record], bool]:
        """The records to create, and whether it was a bulk request. Raises BadRequest."""
        if not isinstance(body, dict):
            raise bad_request("Body contains invalid data")
        if self.plural in body:
            items = body[self.plural]
            if not isinstance(items, list) or not items:
                raise bad_request("Resources required")
            return [self._created(self._unwrapped(item), actor) for item in items], True
        if self.singular not in body:
            raise bad_request(f"Unable to find '{self.singular}' in request body")
        return [self._created(body[self.singular], actor)], False

    def _unwrapped(self, item: Any) -> Any:
        return item[self.singular] if isinstance(item, dict) and set(item) == {self.singular} else item

    def _created(self, given: Any, actor: Actor) -> Record:
        given = self._known(given)
        project_id = self._project(given, actor)
        for name in given:
            if not self.by_name[name].post:
                raise bad_request(f"Attribute '{name}' not allowed in POST")
        record: Record = {}
        for attribute in self.by_name.values():
            if attribute.name in given:
                record[attribute.name] = attribute.convert(attribute.name, given[attribute.name])
            elif attribute.default is REQUIRED:
                raise bad_request(f"Failed to parse request. Required attribute '{attribute.name}' not specified")
            elif attribute.default is not ABSENT and attribute.post:
                record[attribute.name] = copy.copy(attribute.default)
        record.pop("tenant_id", None)
        record["project_id"] = project_id
        return record

    def _known(self, given: Any) -> Record:
        if not isinstance(given, dict):
            raise bad_request(f"Invalid input: '{self.singular}' must be an object")
        if unknown := [name for name in given if name not in self.by_name]:
            raise bad_request(f"Unrecognized attribute(s) '{', '.join(unknown)}'")
        return given

    def _project(self, given: Record, actor: Actor) -> str:
        named = {given[name] for name in ("project_id", "tenant_id") if given.get(name)}
        if len(named) > 1:
            raise bad_request("'project_id' and 'tenant_id' do not match")
        wanted = str(named.pop()) if named else actor.project_id
        if wanted != actor.project_id and not actor.is_trusted:
            raise bad_request(
                "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires "
                "admin privileges"
            )
        if not wanted:
            raise bad_request("Running without keystone AuthN requires that tenant_id is specified")
        return wanted

    def read_update(self, body: Any) -> Record:
        if not isinstance(body, dict) or self.singular not in body:
            raise bad_request(f"Unable to find '{self.singular}' in request body")
        given = self._known(body[self.singular])
        for name in given:
            if not self.by_name[name].put:
                raise bad_request(f"Cannot update read-only attribute {name}")
        return {name: self.by_name[name].convert(name, value) for name, value in given.items()}

    def show(self, record: Record, actor: Actor, fields: Collection[str] = ()) -> Record:
        """The record as this actor may see it; ``fields`` chooses, nothing means all."""
        names = self._admins if actor.is_trusted else self._everyone
        if fields:  # lists of a thousand ports are asked for one or two of their attributes
            shown = {name: record[name] for name in fields if name in names and name in record}
            return {**shown, "tenant_id": record["project_id"]} if "tenant_id" in fields else shown
        shown = {name: record[name] for name in names if name in record}
        shown["tenant_id"] = record["project_id"]
        return shown
