"""Metadata definitions in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from kilonova_kit.clock import Clock
from kilonova_kit.database import Database
from kilonova_kit.errors import Conflict
from sqlalchemy import Connection, and_, delete, or_, select, update

from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.metadefs import RESOURCE_TYPES, Definition, Namespace
from kilonova_neighbours.image.store.inserts import insert_missing, insert_new
from kilonova_neighbours.image.store.tables import definitions, namespaces, resource_types


class MetadefStore:
    """All SQL about metadata definitions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def seed(self) -> None:
        """The resource types that are there from the start."""

        def run(tx: Connection) -> None:
            for name in RESOURCE_TYPES:
                _add_resource_type(tx, name, self._clock())

        await self._database.write(run)

    async def resource_types(self) -> list[tuple[str, float]]:
        query = select(resource_types).order_by(resource_types.c.name)
        rows = await self._database.read(lambda tx: tx.execute(query).all())
        return [(row.name, row.created_at) for row in rows]

    async def add_namespace(self, namespace: Namespace, within: Sequence[Definition]) -> Namespace:
        """Write a namespace and what it holds. Raises Conflict."""
        now = self._clock()
        made = msgspec.structs.replace(namespace, created_at=now, updated_at=now)

        def run(tx: Connection) -> None:
            taken = f"Metadata definition namespace={made.namespace} already exists."
            insert_new(tx, namespaces, msgspec.structs.asdict(made), taken)
            for definition in within:
                _put(tx, definition, now)

        await self._database.write(run)
        return made

    async def namespace(self, name: str) -> Namespace | None:
        return await self._database.read(lambda tx: _namespace(tx, name))

    async def namespaces(
        self, caller: Caller, visibility: str | None, resource_types: Sequence[str]
    ) -> list[Namespace]:
        """What the caller sees, newest first."""
        query = select(namespaces).order_by(namespaces.c.created_at.desc(), namespaces.c.namespace)
        if not caller.is_admin:
            query = query.where(or_(namespaces.c.visibility == "public", namespaces.c.owner == caller.project_id))
        if visibility:
            query = query.where(namespaces.c.visibility == visibility)
        if resource_types:
            having = and_(definitions.c.kind == "association", definitions.c.name.in_(resource_types))
            query = query.where(namespaces.c.namespace.in_(select(definitions.c.namespace).where(having)))
        rows = await self._database.read(lambda tx: tx.execute(query).mappings().all())
        return [Namespace(**_plain(row)) for row in rows]

    async def change_namespace(self, name: str, new: Namespace) -> Namespace | None:
        """Replace a namespace, under a new name if it has one. Raises Conflict when that is taken."""
        values = msgspec.structs.asdict(new) | {"updated_at": self._clock()}
        del values["created_at"]

        def run(tx: Connection) -> Namespace | None:
            if new.namespace != name and _namespace(tx, new.namespace):
                raise Conflict(f"Metadata definition namespace={new.namespace} already exists.")
            tx.execute(update(namespaces).where(namespaces.c.namespace == name).values(values))
            if new.namespace != name:
                tx.execute(update(definitions).where(definitions.c.namespace == name).values(namespace=new.namespace))
            return _namespace(tx, new.namespace)

        return await self._database.write(run)

    async def remove_namespace(self, name: str) -> None:
        def run(tx: Connection) -> None:
            tx.execute(delete(definitions).where(definitions.c.namespace == name))
            tx.execute(delete(namespaces).where(namespaces.c.namespace == name))

        await self._database.write(run)

    async def definitions(self, namespace: str, kind: str) -> list[Definition]:
        where = and_(definitions.c.namespace == namespace, definitions.c.kind == kind)
        query = select(definitions).where(where).order_by(definitions.c.created_at, definitions.c.name)
        rows = await self._database.read(lambda tx: tx.execute(query).mappings().all())
        return [Definition(**_plain(row)) for row in rows]

    async def definition(self, namespace: str, kind: str, name: str) -> Definition | None:
        return await self._database.read(lambda tx: _definition(tx, namespace, kind, name))

    async def add(self, definition: Definition) -> Definition:
        """Raises Conflict for one that is there."""

        def run(tx: Connection) -> Definition:
            return _put(tx, definition, self._clock())

        return await self._database.write(run)

    async def replace_all(self, namespace: str, kind: str, new: Sequence[Definition], *, keep: bool) -> None:
        """Write definitions in the place of all of the kind, or beside them with ``keep``."""
        where = and_(definitions.c.namespace == namespace, definitions.c.kind == kind)

        def run(tx: Connection) -> None:
            if not keep:
                tx.execute(delete(definitions).where(where))
            for definition in new:
                _put(tx, definition, self._clock())

        await self._database.write(run)

    async def change(self, name: str, new: Definition) -> Definition | None:
        """Replace a definition, under a new name if it has one; None when it is gone. Raises Conflict."""

        def run(tx: Connection) -> Definition | None:
            if new.name != name and _definition(tx, new.namespace, new.kind, new.name):
                raise Conflict(f"A metadata definition {new.kind} with name={new.name} already exists.")
            where = _where(new.namespace, new.kind, name)
            tx.execute(update(definitions).where(where).values(name=new.name, body=new.body, updated_at=self._clock()))
            return _definition(tx, new.namespace, new.kind, new.name)

        return await self._database.write(run)

    async def remove(self, namespace: str, kind: str, name: str | None) -> bool:
        """Remove one, or all of the kind when no name is given. Says whether there was any."""
        where = _where(namespace, kind, name)
        return await self._database.write(lambda tx: tx.execute(delete(definitions).where(where)).rowcount > 0)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _where(namespace: str, kind: str, name: str | None) -> Any:
    where = and_(definitions.c.namespace == namespace, definitions.c.kind == kind)
    return where if name is None else and_(where, definitions.c.name == name)


def _namespace(tx: Connection, name: str) -> Namespace | None:
    row = tx.execute(select(namespaces).where(namespaces.c.namespace == name)).mappings().first()
    return Namespace(**_plain(row)) if row else None


def _definition(tx: Connection, namespace: str, kind: str, name: str) -> Definition | None:
    row = tx.execute(select(definitions).where(_where(namespace, kind, name))).mappings().first()
    return Definition(**_plain(row)) if row else None


def _put(tx: Connection, definition: Definition, now: float) -> Definition:
    """Raises Conflict for one that is there."""
    made = msgspec.structs.replace(definition, created_at=now, updated_at=now)
    if made.kind == "association":
        _add_resource_type(tx, made.name, now)
    taken = f"A metadata definition {made.kind} with name={made.name} already exists in namespace={made.namespace}."
    insert_new(tx, definitions, msgspec.structs.asdict(made), taken)
    return made


def _add_resource_type(tx: Connection, name: str, now: float) -> None:
    insert_missing(tx, resource_types, {"name": name, "created_at": now})
