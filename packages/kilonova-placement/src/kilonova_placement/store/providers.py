"""Providers and what is claimed of them.

Whoever reads a provider together with its sums reads the generation FIRST: on PostgreSQL each statement sees what is
committed by then, so the sums may be newer than the generation, never older. A claim decided on such a picture fails
its check of the generation; the other way round it could take what is taken already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from kilonova_kit.database import InsertMany, Json, LookUpMany
from sqlalchemy import ColumnElement, Connection, Row, Text, delete, func, insert, select, type_coerce, update
from sqlalchemy.exc import IntegrityError

from kilonova_placement.model.attributes import Attributes
from kilonova_placement.model.providers import Inventory, Overlay, Provider, ProviderUse, Reported
from kilonova_placement.store.claims import in_chunks
from kilonova_placement.store.tables import changes, claim_amounts, providers

T = TypeVar("T")


def _remembered(kind: type[T]) -> Callable[[str], T]:
    """Reads a JSON text; once for many alike, for thousands of hosts say the same. Nobody changes what it gives."""
    return lru_cache(4096)(msgspec.json.Decoder(kind).decode)


_inventories, _attributes = _remembered(dict[str, Inventory]), _remembered(Attributes)
_labels: Callable[[str], tuple[str, ...]] = _remembered(tuple[str, ...])
_reported, _overlay = msgspec.json.Decoder(Reported).decode, msgspec.json.Decoder(Overlay).decode

#: Every column, and those of JSON as text: it becomes types in one step (``_provider``).
_PROVIDERS = select(
    *(type_coerce(one, Text).label(one.name) if isinstance(one.type, Json) else one for one in providers.c)
)
_NAMES = tuple(one.name for one in providers.c)
_GENERATIONS = LookUpMany(providers, "provider_id", "generation", lock=True)
_ANNOUNCE = InsertMany(changes, "provider_id", "writer", "at")

#: How many live claims each tree has, by its root's id: a claim counts once, however many of its parts it has.
_GUESTS = (
    select(providers.c.root_id, func.count(claim_amounts.c.claim_id.distinct()))
    .join(claim_amounts, claim_amounts.c.provider_id == providers.c.provider_id)
    .group_by(providers.c.root_id)
)


class Mark(NamedTuple):
    """Who writes, and when: the change feed's columns."""

    writer: str
    now: float


def find_provider(tx: Connection, provider_id: str) -> Provider | None:
    row = tx.execute(_PROVIDERS.where(providers.c.provider_id == provider_id)).first()
    return _provider(row) if row else None


def find_named(tx: Connection, name: str) -> Provider | None:
    row = tx.execute(_PROVIDERS.where(providers.c.name == name)).first()
    return _provider(row) if row else None


def somebody_has_class(tx: Connection, name: str) -> bool:
    """Whether a provider has an inventory of this class. Names hold no quotes, so the text says it."""
    return _somebody(tx, providers.c.inventories.cast(Text).contains(f'"{name}":', autoescape=True))


def somebody_has_trait(tx: Connection, name: str) -> bool:
    """Whether a provider has this trait."""
    return _somebody(tx, providers.c.traits.cast(Text).contains(f'"{name}"', autoescape=True))


def _somebody(tx: Connection, condition: ColumnElement[bool]) -> bool:
    return tx.execute(select(providers.c.provider_id).where(condition).limit(1)).first() is not None


def descendants_of(tx: Connection, provider: Provider) -> list[str]:
    """The ids of everything below a provider."""
    query = select(providers.c.provider_id, providers.c.parent_id).where(providers.c.root_id == provider.root_id)
    children: dict[str, list[str]] = {}
    for provider_id, parent_id in tx.execute(query):
        children.setdefault(parent_id, []).append(provider_id)
    found, look = list[str](), [provider.provider_id]
    while look:
        below = children.get(look.pop(), [])
        found += below
        look += below
    return found


def move_to_tree(tx: Connection, provider_ids: Iterable[str], root_id: str) -> None:
    """Say that these belong to another tree now; their generations are raised by the caller."""
    for chunk in in_chunks(provider_ids):
        tx.execute(update(providers).where(providers.c.provider_id.in_(chunk)).values(root_id=root_id))


def find_many(tx: Connection, provider_ids: Iterable[str]) -> dict[str, Provider]:
    """Those of the providers that exist."""
    found: dict[str, Provider] = {}
    for chunk in in_chunks(provider_ids):
        rows = tx.execute(_PROVIDERS.where(providers.c.provider_id.in_(chunk)))
        found.update({row.provider_id: _provider(row) for row in rows})
    return found


def used_of_many(tx: Connection, provider_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """The sums of the live claims on each of these providers."""
    found: dict[str, dict[str, int]] = {}
    for chunk in in_chunks(provider_ids):
        for provider_id, name, amount in tx.execute(_sums().where(claim_amounts.c.provider_id.in_(chunk))):
            found.setdefault(provider_id, {})[name] = int(amount)
    return found


def children_of(tx: Connection, provider_id: str) -> list[str]:
    return list(tx.scalars(select(providers.c.provider_id).where(providers.c.parent_id == provider_id)))


def load_all(tx: Connection) -> list[ProviderUse]:
    rows = tx.execute(_PROVIDERS).all()
    return _with_sums(rows, tx.execute(_sums()).all(), dict(tx.execute(_GUESTS).all()))


def load_where(tx: Connection, name: str | None, provider_id: str | None, root_id: str | None) -> list[ProviderUse]:
    """The providers of which all of this is so that is given."""
    said = {providers.c.name: name, providers.c.provider_id: provider_id, providers.c.root_id: root_id}
    wanted = [column == value for column, value in said.items() if value is not None]
    if not wanted:
        return load_all(tx)
    rows = tx.execute(_PROVIDERS.where(*wanted)).all()
    used = used_of_many(tx, [row.provider_id for row in rows])
    return [ProviderUse(provider=_provider(row), used=used.get(row.provider_id, {})) for row in rows]


def host_ids(tx: Connection, after: str, limit: int) -> list[str]:
    """The next hosts in the database's own order of ids (which need not be Python's); empty at the end."""
    hosts = select(providers.c.provider_id).where(providers.c.parent_id.is_(None), providers.c.provider_id > after)
    return list(tx.scalars(hosts.order_by(providers.c.provider_id).limit(limit)))


def load_trees(tx: Connection, provider_ids: Iterable[str]) -> list[ProviderUse]:
    """These providers and all others of their trees. One that does not exist is not in the answer."""
    found: list[ProviderUse] = []
    for chunk in in_chunks(provider_ids):
        roots = select(providers.c.root_id).where(providers.c.provider_id.in_(chunk))
        rows = tx.execute(_PROVIDERS.where(providers.c.root_id.in_(roots))).all()
        ids = [row.provider_id for row in rows]
        guests: dict[str, int] = dict(tx.execute(_GUESTS.where(providers.c.root_id.in_(roots))).all())
        sums = [
            found
            for some in in_chunks(ids)
            for found in tx.execute(_sums().where(claim_amounts.c.provider_id.in_(some)))
        ]
        found += _with_sums(rows, sums, guests)
    return found


def generations(tx: Connection) -> dict[str, int]:
    """The generation of every provider."""
    return {
        row.provider_id: row.generation for row in tx.execute(select(providers.c.provider_id, providers.c.generation))
    }


def lock_generations(tx: Connection, provider_ids: Iterable[str]) -> dict[str, int]:
    """The generations of these providers, which nobody else may change until this transaction ends.

    Locked in the order of their ids, so that two transactions never wait for each other in a circle.
    """
    return _GENERATIONS.get(tx, provider_ids)


def lock_trees(tx: Connection, provider_ids: Iterable[str]) -> None:
    """Lock these providers and the roots of their trees: whoever changes a tree's shape has locked its root."""
    wanted = set(provider_ids)
    roots, before = _roots_of(tx, wanted), None
    while roots != before:  # one that was moved while we waited has another root, which is to be waited for as well
        lock_generations(tx, wanted | roots)
        roots, before = _roots_of(tx, wanted), roots


def _roots_of(tx: Connection, provider_ids: set[str]) -> set[str]:
    return set(tx.scalars(select(providers.c.root_id).where(providers.c.provider_id.in_(provider_ids))))


def used_of(tx: Connection, provider_id: str) -> dict[str, int]:
    rows = tx.execute(_sums().where(claim_amounts.c.provider_id == provider_id))
    return {resource_class: int(amount) for _, resource_class, amount in rows}


def save_provider(tx: Connection, provider: Provider, mark: Mark) -> None:
    """Write a changed provider down; its generation is already the next one."""
    values = msgspec.to_builtins(provider)
    tx.execute(update(providers).where(providers.c.provider_id == provider.provider_id).values(values))
    announce(tx, [provider.provider_id], mark)


class MadeMeanwhile(Exception):
    """Another process has made a provider with this id or this name at the same moment; nothing was written here."""


def make_provider(tx: Connection, provider: Provider, mark: Mark) -> Provider:
    """Write a new provider down, with its first generation (shown as 0 by the Placement API). Raises MadeMeanwhile."""
    first = announce_new(tx, mark, provider_id=provider.provider_id)
    made = msgspec.structs.replace(provider, generation=first, unseen=first)
    try:
        tx.execute(insert(providers).values(msgspec.to_builtins(made)))
    except IntegrityError as error:
        raise MadeMeanwhile from error
    return made


def delete_provider(tx: Connection, provider_id: str, mark: Mark) -> None:
    tx.execute(delete(providers).where(providers.c.provider_id == provider_id))
    announce(tx, [provider_id], mark)


def announce(tx: Connection, provider_ids: Iterable[str], mark: Mark) -> None:
    """Tell other processes, through the change feed, to look at these providers again."""
    _ANNOUNCE.put(
        tx, [{"provider_id": provider_id, "writer": mark.writer, "at": mark.now} for provider_id in provider_ids]
    )


def announce_new(tx: Connection, mark: Mark, *, provider_id: str = "", group_id: str = "") -> int:
    """Tell of something new; the number of that row in the change feed is its first generation.

    So one that was removed and is made again never shows a generation that it had before, and nobody who missed both
    takes the new one for the old: every raised generation has written a row, so none is above the newest number.
    """
    row = {"provider_id": provider_id, "group_id": group_id, "writer": mark.writer, "at": mark.now}
    made = tx.execute(insert(changes).values(row)).inserted_primary_key
    assert made is not None
    return int(made[0])


def _sums() -> Any:
    amounts = claim_amounts.c
    return select(amounts.provider_id, amounts.resource_class, func.sum(amounts.amount)).group_by(
        amounts.provider_id, amounts.resource_class
    )


def _with_sums(rows: Sequence[Row[Any]], sums: Sequence[Any], guests: Mapping[str, int]) -> list[ProviderUse]:
    used: dict[str, dict[str, int]] = {}
    for provider_id, resource_class, amount in sums:
        used.setdefault(provider_id, {})[resource_class] = int(amount)
    return [
        ProviderUse(
            provider=_provider(row), used=used.get(row.provider_id, {}), guests=int(guests.get(row.provider_id, 0))
        )
        for row in rows
    ]


def _provider(row: Row[Any]) -> Provider:
    values: dict[str, Any] = dict(zip(_NAMES, row, strict=True))
    values["inventories"] = _inventories(values["inventories"])
    values["traits"], values["aggregates"] = _labels(values["traits"]), _labels(values["aggregates"])
    values["reported"] = _reported(values["reported"]) if values["reported"] else None
    values["overlay"] = _overlay(values["overlay"]) if values["overlay"] else None
    values["attributes"] = _attributes(values["attributes"] or "{}")
    return Provider(**values)
