"""What may be asked of metadata definitions. A private namespace of another project is "not found"."""

from __future__ import annotations

from collections.abc import Sequence

from kilonova_kit.errors import Forbidden, NotFound

from kilonova_neighbours.image.model.callers import Caller
from kilonova_neighbours.image.model.metadefs import Definition, Namespace
from kilonova_neighbours.image.store.metadefs import MetadefStore


class Metadefs:
    """The rules of metadata definitions."""

    def __init__(self, store: MetadefStore) -> None:
        self._store = store

    async def resource_types(self) -> list[tuple[str, float]]:
        """(name, created) of each."""
        return await self._store.resource_types()

    async def namespaces(self, caller: Caller, visibility: str | None, types: Sequence[str]) -> list[Namespace]:
        return await self._store.namespaces(caller, visibility, types)

    async def add_namespace(self, namespace: Namespace, within: Sequence[Definition]) -> Namespace:
        return await self._store.add_namespace(namespace, within)

    async def namespace(self, name: str, caller: Caller) -> Namespace:
        """Raises NotFound."""
        found = await self._store.namespace(name)
        if found is None or not (found.visibility == "public" or caller.is_admin or caller.owns(found.owner)):
            raise NotFound(f"Metadata definition namespace={name} was not found.")
        return found

    async def change_namespace(self, name: str, new: Namespace, caller: Caller) -> Namespace:
        await self.namespace(name, caller)
        changed = await self._store.change_namespace(name, new)
        if changed is None:
            raise NotFound(f"Metadata definition namespace={name} was not found.")
        return changed

    async def remove_namespace(self, name: str, caller: Caller) -> None:
        await self._open(name, caller)
        await self._store.remove_namespace(name)

    async def _open(self, name: str, caller: Caller) -> Namespace:
        """A namespace from which something may be removed. Raises NotFound, Forbidden."""
        found = await self.namespace(name, caller)
        if found.protected:
            raise Forbidden(f"Metadata definition namespace {name} is protected and cannot be deleted.")
        return found

    async def of_kind(self, namespace: str, kind: str, caller: Caller) -> list[Definition]:
        await self.namespace(namespace, caller)
        return await self._store.definitions(namespace, kind)

    async def get(self, namespace: str, kind: str, name: str, caller: Caller) -> Definition:
        """Raises NotFound."""
        await self.namespace(namespace, caller)
        return _found(await self._store.definition(namespace, kind, name), namespace, kind, name)

    async def add(self, definition: Definition, caller: Caller) -> Definition:
        """Raises NotFound, Conflict."""
        await self.namespace(definition.namespace, caller)
        return await self._store.add(definition)

    async def replace_all(
        self, namespace: str, kind: str, new: Sequence[Definition], caller: Caller, *, keep: bool
    ) -> list[Definition]:
        await self.namespace(namespace, caller)
        await self._store.replace_all(namespace, kind, new, keep=keep)
        return await self._store.definitions(namespace, kind)

    async def change(self, name: str, new: Definition, caller: Caller) -> Definition:
        await self.get(new.namespace, new.kind, name, caller)
        return _found(await self._store.change(name, new), new.namespace, new.kind, name)

    async def remove(self, namespace: str, kind: str, name: str | None, caller: Caller) -> None:
        """Remove one (NotFound when it is not there), or all of the kind when no name is given."""
        await self._open(namespace, caller)
        if not await self._store.remove(namespace, kind, name) and name is not None:
            _found(None, namespace, kind, name)


def _found(found: Definition | None, namespace: str, kind: str, name: str) -> Definition:
    if found is None:
        raise NotFound(f"Metadata definition {kind} with name={name} was not found in namespace={namespace}.")
    return found
