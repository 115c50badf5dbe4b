"""Flavors in the global database, each whole in its ``record``. Few enough to be read all at once for a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import Conflict
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from kilonova_compute.model.flavors import Flavor
from kilonova_compute.store.tables import done_once, flavors

_decoder = msgspec.json.Decoder(Flavor)


def _text(flavor: Flavor) -> str:
    return msgspec.json.encode(flavor).decode()


def _read(number: int, record: str) -> Flavor:
    return msgspec.structs.replace(_decoder.decode(record), number=number)


def add(tx: Connection, flavor: Flavor) -> None:
    """Enter a new flavor. Raises Conflict when its name or its id is taken."""
    try:
        with tx.begin_nested():
            tx.execute(insert(flavors).values(flavor_id=flavor.flavor_id, name=flavor.name, record=_text(flavor)))
    except IntegrityError as error:
        if find(tx, flavor.flavor_id) is not None:
            raise Conflict(f"Flavor with ID {flavor.flavor_id} already exists.") from error
        raise Conflict(f"Flavor with name {flavor.name} already exists.") from error


def find(tx: Connection, flavor_id: str) -> Flavor | None:
    row = tx.execute(select(flavors.c.number, flavors.c.record).where(flavors.c.flavor_id == flavor_id)).first()
    return None if row is None else _read(row.number, row.record)


def all_flavors(tx: Connection) -> list[Flavor]:
    return [_read(row.number, row.record) for row in tx.execute(select(flavors.c.number, flavors.c.record))]


def change(tx: Connection, flavor_id: str, how: Callable[[Flavor], Flavor]) -> Flavor | None:
    """Change one, with nobody else in between; None when there is none of that id."""
    where = flavors.c.flavor_id == flavor_id
    row = tx.execute(select(flavors.c.number, flavors.c.record).where(where).with_for_update()).first()
    if row is None:
        return None
    changed = how(_read(row.number, row.record))
    tx.execute(update(flavors).where(where).values(record=_text(changed)))
    return changed


def remove(tx: Connection, flavor_id: str) -> bool:
    """Whether there was one."""
    return tx.execute(delete(flavors).where(flavors.c.flavor_id == flavor_id)).rowcount > 0


def add_first(tx: Connection, first: Iterable[Flavor]) -> None:
    """Enter a cloud's first flavors, unless that was done before or somebody made flavors already."""
    try:
        with tx.begin_nested():
            tx.execute(insert(done_once).values(name="flavors"))
    except IntegrityError:
        return
    if not all_flavors(tx):
        for flavor in first:
            add(tx, flavor)
