"""Hosts as operators see them: found, enabled and disabled, forced down, forgotten; and what is used of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from kilonova_kit.errors import Conflict, NotFound

from kilonova_compute.app.compute import Compute
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.listing import USUAL_ORDER, ServerFilter
from kilonova_compute.model.servers import Server
from kilonova_compute.store import hosts as store
from kilonova_compute.store import index as index_store

_DISABLED = "disabled by an operator"
_FORCED_DOWN = "forced down by an operator"


class HostLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What is used of a host: claimed amounts per resource class, and its servers."""

    used: Mapping[str, int] = {}
    servers: int = 0


def all_hosts(compute: Compute) -> list[Host]:
    """In the order in which they joined."""
    return sorted(compute.hosts.values(), key=lambda host: host.number)


def by_name(compute: Compute, name: str) -> Host:
    """Raises NotFound."""
    for host in compute.hosts.values():
        if host.name == name:
            return host
    raise NotFound(f"Compute host {name} could not be found.")


async def loads(compute: Compute) -> dict[str, HostLoad]:
    """By host id."""
    used = await compute.placement.used()
    servers = await compute.cells.database.read(index_store.count_by_host)
    return {
        host_id: HostLoad(used=used.get(host_id, {}), servers=servers.get(host_id, 0))
        for host_id in used.keys() | servers.keys()
    }


async def servers_on(compute: Compute, name: str) -> list[Server]:
    wanted = ServerFilter(host=name)
    return await compute.cells.database.read(lambda tx: index_store.listed(tx, wanted, USUAL_ORDER, None, None))


# --- changing


async def set_disabled(compute: Compute, host: Host, disabled: bool, reason: str | None) -> Host:
    """A disabled host takes no new servers; those it has stay."""

    def how(found: Host) -> Host:
        return msgspec.structs.replace(found, disabled=disabled, disabled_reason=reason if disabled else None)

    changed = await change(compute, host, how)
    if changed.inventory:
        await compute.placement.set_disabled(host.id, (reason or _DISABLED) if disabled else "")
    return changed


async def force_down(compute: Compute, host: Host, forced: bool) -> Host:
    """Say that a host is down, whatever it says itself."""
    changed = await change(compute, host, lambda found: msgspec.structs.replace(found, forced_down=forced))
    if changed.inventory:
        await compute.placement.set_down(host.id, _FORCED_DOWN if forced else "")
    return changed


async def set_place(compute: Compute, host: Host, zone: str) -> None:
    """Say in which zone a host is, and what its aggregates mean for it."""
    changed = await change(compute, host, lambda found: msgspec.structs.replace(found, zone=zone))
    if changed.inventory:
        await compute.placement.set_place(changed, compute.aggregates.rules_of(host.name))


async def change(compute: Compute, host: Host, how: Callable[[Host], Host]) -> Host:
    """Change what its cell knows of a host. Raises NotFound."""
    changed = await compute.cells.get(host.cell).database.write(lambda tx: store.change(tx, host.id, how))
    if changed is None:
        raise NotFound(f"Compute host {host.name} could not be found.")
    compute.hosts[host.id] = changed
    return changed


async def forget(compute: Compute, host: Host) -> None:
    """Remove a host that is down and empty; to come back it must join again. Raises Conflict."""
    if await servers_on(compute, host.name):
        raise Conflict(
            "Unable to delete compute service that is hosting instances. Migrate or delete the instances first."
        )
    if host.is_up(compute.clock()):
        raise Conflict("Unable to delete compute service of a host that is up. Stop its agent or force it down first.")
    await compute.placement.remove_host(host.id)
    await compute.cells.database.write(lambda tx: store.unregister(tx, host.id))
    await compute.cells.get(host.cell).database.write(lambda tx: store.remove(tx, host.id))
    compute.hosts.pop(host.id, None)
