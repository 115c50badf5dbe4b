"""Aggregates. A host is in one zone at most: that of the one aggregate with a zone that it belongs to.

What an aggregate says of its hosts is told to their cells and to placement after each change; telling twice is telling
once, so a change that was interrupted is mended by ``reconcilers/host_places.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import BadRequest, Conflict, NotFound
from kilonova_kit.ids import new_uuid

from kilonova_compute.app import hosts
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.aggregate_rules import view_of
from kilonova_compute.model.aggregates import USUAL_ZONE, ZONE, Aggregate
from kilonova_compute.model.hosts import Host
from kilonova_compute.store import aggregates as store
from kilonova_compute.store import precaches


async def listed(compute: Compute) -> list[Aggregate]:
    return await compute.cells.database.read(store.all_aggregates)


async def find(compute: Compute, number: int) -> Aggregate:
    """Raises NotFound."""
    return _known(await compute.cells.database.read(lambda tx: store.find(tx, number)), number)


def _known(found: Aggregate | None, number: int) -> Aggregate:
    if found is None:
        raise NotFound(f"Aggregate {number} could not be found.")
    return found


async def create(compute: Compute, name: str, zone: str | None) -> Aggregate:
    """Raises Conflict when the name is taken."""
    metadata = {ZONE: zone} if zone else {}
    made = Aggregate(uuid=new_uuid(), name=name, metadata=metadata, created_at=compute.clock())
    return await compute.cells.database.write(lambda tx: store.add(tx, made))


async def delete(compute: Compute, number: int) -> None:
    """Raises BadRequest while there are hosts in it."""

    def write(tx: Connection) -> None:
        if _known(store.find(tx, number), number).hosts:
            raise BadRequest(f"Cannot delete aggregate {number}. Reason: Host aggregate is not empty.")
        store.remove(tx, number)
        precaches.remove(tx, number)

    await compute.cells.database.write(write)


async def rename(compute: Compute, number: int, name: str | None, metadata: Mapping[str, str | None]) -> Aggregate:
    """Change its name, and metadata as ``set_metadata``."""
    return await _change_metadata(compute, number, name, metadata, "update aggregate")


async def set_metadata(compute: Compute, number: int, metadata: Mapping[str, str | None]) -> Aggregate:
    """Set items; one that is None is removed. Raises BadRequest when hosts would leave a zone with their servers."""
    return await _change_metadata(compute, number, None, metadata, "update metadata of aggregate")


async def _change_metadata(
    compute: Compute, number: int, name: str | None, metadata: Mapping[str, str | None], verb: str
) -> Aggregate:
    before = await find(compute, number)
    zone = metadata.get(ZONE, before.zone)
    if zone != before.zone and before.hosts:
        await _check_zone_change(compute, before, zone, verb)

    def how(found: Aggregate, everything: Sequence[Aggregate]) -> Aggregate:
        kept = {key: value for key, value in found.metadata.items() if key not in metadata}
        wanted = kept | {key: value for key, value in metadata.items() if value is not None}
        return msgspec.structs.replace(found, name=name or found.name, metadata=wanted)

    changed = await _change(compute, number, how)
    await _tell(compute, changed.hosts)
    return changed


async def _check_zone_change(compute: Compute, before: Aggregate, zone: str | None, verb: str) -> None:
    others = [one for one in await listed(compute) if one.number != before.number and one.zone not in (None, zone)]
    taken = sorted({one.zone for one in others if one.zone and set(one.hosts) & set(before.hosts)})
    if zone is not None and taken:
        raise BadRequest(
            f"Cannot {verb} {before.number}. Reason: One or more hosts already in availability zone(s) {taken}."
        )
    for host in before.hosts:
        if await hosts.servers_on(compute, host):
            raise BadRequest(
                f"Cannot {verb} {before.number}. Reason: One or more hosts contain instances in this zone."
            )


How = Callable[[Aggregate, Sequence[Aggregate]], Aggregate]


async def _change(compute: Compute, number: int, how: How) -> Aggregate:
    """Change one, knowing the others, with nobody else changing any in between."""
    now = compute.clock()

    def write(tx: Connection) -> Aggregate | None:
        everything = store.all_to_change(tx)
        return store.change(tx, number, lambda found: msgspec.structs.replace(how(found, everything), updated_at=now))

    return _known(await compute.cells.database.write(write), number)


# --- hosts


async def add_host(compute: Compute, number: int, name: str) -> Aggregate:
    """Raises NotFound; Conflict when it is there already, in another zone, or would move with its servers."""
    aggregate, host = await find(compute, number), hosts.by_name(compute, name)
    if aggregate.zone and aggregate.zone != host.zone and await hosts.servers_on(compute, name):
        raise Conflict(
            f"Cannot add host to aggregate {number}. Reason: The host cannot be added to the aggregate as the "
            f"availability zone of the host would change from '{host.zone}' to '{aggregate.zone}' but the host "
            "already has instances."
        )

    def how(found: Aggregate, everything: Sequence[Aggregate]) -> Aggregate:
        if name in found.hosts:
            raise Conflict(f"Aggregate {number} already has host {name}.")
        _check_one_zone(found, name, everything)
        return msgspec.structs.replace(found, hosts=(*found.hosts, name))

    changed = await _change(compute, number, how)
    await _tell(compute, [name])
    return changed


def _check_one_zone(aggregate: Aggregate, host: str, everything: Sequence[Aggregate]) -> None:
    """Raise Conflict for a host that is in another zone already."""
    zones = sorted({one.zone for one in everything if one.zone and host in one.hosts} - {aggregate.zone})
    if aggregate.zone and zones:
        raise Conflict(
            f"Cannot add host to aggregate {aggregate.number}. Reason: One or more hosts already in availability "
            f"zone(s) {zones}."
        )


async def remove_host(compute: Compute, number: int, name: str) -> Aggregate:
    """Raises NotFound; Conflict when the host would move to another zone with its servers."""
    aggregate = await find(compute, number)
    if name not in aggregate.hosts:
        raise NotFound(f"Cannot remove host {name} in aggregate {number}")
    left = [one for one in await listed(compute) if name in one.hosts and one.number != number]
    zone = _zone(left)
    if zone != _zone([*left, aggregate]) and await hosts.servers_on(compute, name):
        raise Conflict(
            f"Cannot remove host from aggregate {number}. Reason: The host cannot be removed from the aggregate as "
            f"the availability zone of the host would change from '{aggregate.zone}' to '{zone}' but the "
            "host already has instances."
        )
    changed = await _change(compute, number, partial(_without, name))
    await _tell(compute, [name])
    return changed


def _without(name: str, found: Aggregate, everything: Sequence[Aggregate]) -> Aggregate:
    return msgspec.structs.replace(found, hosts=tuple(one for one in found.hosts if one != name))


def _zone(own: Iterable[Aggregate]) -> str:
    """Where a host of these aggregates is."""
    return next((one.zone for one in own if one.zone), USUAL_ZONE)


async def forget_host(compute: Compute, name: str) -> None:
    """Take a host that is gone out of every aggregate."""
    for aggregate in await listed(compute):
        if name in aggregate.hosts:
            await _change(compute, aggregate.number, partial(_without, name))
    await refresh(compute)


async def refresh(compute: Compute) -> None:
    """See what was changed, also by other controllers."""
    found = await listed(compute)
    if tuple(found) != compute.aggregates.all:
        compute.aggregates = view_of(found)


async def _tell(compute: Compute, names: Iterable[str]) -> None:
    """Tell the hosts' cells, and placement, where the hosts are now, and whom they are for."""
    await refresh(compute)
    wanted = set(names)
    for host in [host for host in compute.hosts.values() if host.name in wanted]:
        await hosts.set_place(compute, host, zone_of(compute, host))


def zone_of(compute: Compute, host: Host) -> str:
    """Where its aggregates, as they were last seen, put a host."""
    return _zone(compute.aggregates.of(host.name))
