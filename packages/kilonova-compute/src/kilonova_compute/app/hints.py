"""What the hints of a create request ask for, as parts of its request.

Nova's own hints mean here what its filters make of them; hints with the prefix ``kilonova:`` are ours, and one that
there is not is refused. Any other may mean something to somebody else, and passes, as the public API says.
``docs/scheduler-hints.md`` tells users. Hints that name servers or ask about hosts are answered when they are given:
the request holds names of hosts.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import BadRequest
from kilonova_kit.http.identity import Identity

from kilonova_compute.app import hosts, server_groups
from kilonova_compute.app.compute import Compute
from kilonova_compute.model import host_queries
from kilonova_compute.model.hosts import Host
from kilonova_compute.model.requests import RequestedGroup
from kilonova_compute.model.servers import Server
from kilonova_compute.store import index as index_store

_OURS = "kilonova:"
PREFERRED_TRAITS = "kilonova:preferred_traits"
PRIORITY = "kilonova:priority"

_TRAIT = re.compile(r"[A-Z][A-Z0-9_]{0,254}")
_PRIORITY = re.compile(r"-?\d{1,4}")
#: Whoever asks makes us look at each host: in a larger cloud everybody could keep us busy with it.
_MOST_ASKED = 2000
_USUAL_NETWORK = "/24"

Hints = Mapping[str, Sequence[str]]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of ``ServerRequest`` with the same names."""

    group: RequestedGroup | None = None
    hosts: tuple[str, ...] | None = None
    not_hosts: tuple[str, ...] = ()
    network: str = ""
    preferred_traits: tuple[str, ...] = ()
    priority: int = 0


async def asked(compute: Compute, identity: Identity, hints: Hints) -> Asked:
    """Translate. Raises BadRequest for a hint that makes no sense."""
    _check_ours(hints)
    group_id = _one(hints, "group")
    return Asked(
        group=await server_groups.requested(compute, identity, group_id) if group_id else None,
        hosts=await _only_hosts(compute, identity, hints),
        not_hosts=await _hosts_of(compute, identity, hints.get("different_host", ())),
        network=_network(hints),
        preferred_traits=_preferred_traits(hints),
        priority=_priority(hints),
    )


def _check_ours(hints: Hints) -> None:
    for name in hints:
        if name.startswith(_OURS) and name not in (PREFERRED_TRAITS, PRIORITY):
            raise BadRequest(f"The hint {name} cannot be honoured: there are {PREFERRED_TRAITS} and {PRIORITY}.")


def _one(hints: Hints, name: str) -> str:
    values = hints.get(name, ())
    if len(values) > 1:
        raise BadRequest(f"Invalid input for field/attribute {name}. Value: {list(values)}. Give one.")
    return values[0] if values else ""


# --- hosts by what is on them, or by what they are


async def _only_hosts(compute: Compute, identity: Identity, hints: Hints) -> tuple[str, ...] | None:
    """The hosts that ``same_host`` and ``query`` leave; None where neither says anything."""
    found: set[str] | None = None
    if same := hints.get("same_host", ()):
        found = set(await _hosts_of(compute, identity, same))
    if text := _one(hints, "query"):
        answering = await _hosts_answering(compute, text)
        found = answering if found is None else found & answering
    return None if found is None else tuple(sorted(found))


async def _hosts_of(compute: Compute, identity: Identity, server_ids: Iterable[str]) -> tuple[str, ...]:
    """Where these servers are. Nobody finds out where others' servers are, so these are as good as unknown."""
    ids = tuple(server_ids)
    if not ids:
        return ()

    def read(tx: Connection) -> list[Server | None]:
        return [index_store.find(tx, one) for one in ids]

    names = set()
    for server in await compute.cells.database.read(read):
        if server is None or server.deleted or not _may_see(identity, server):
            continue
        names.add(server.host or await compute.placement.host_of(server.id))
    return tuple(sorted(names - {""}))


def _may_see(identity: Identity, server: Server) -> bool:
    return identity.is_admin or identity.project_id == server.project_id


async def _hosts_answering(compute: Compute, text: str) -> set[str]:
    try:
        if len(compute.hosts) > _MOST_ASKED:
            raise host_queries.CannotAsk(f"of more than {_MOST_ASKED} hosts none is asked")
        query = host_queries.read_query(text)
        loads = await hosts.loads(compute) if host_queries.asks_what_is_used(text) else {}
        facts = [_facts(host, loads.get(host.id, hosts.HostLoad())) for host in compute.hosts.values()]
        return await asyncio.to_thread(_names_of_those, query, facts)  # nobody else waits for a long question
    except host_queries.CannotAsk as error:
        raise BadRequest(f"The hint query={text} cannot be honoured: {error}.") from error


def _names_of_those(query: list[Any], facts: Sequence[host_queries.Facts]) -> set[str]:
    return {str(one["host"]) for one in facts if host_queries.holds(query, one)}


def _facts(host: Host, load: hosts.HostLoad) -> host_queries.Facts:
    """In the words and units of nova's host states."""
    used = load.used
    disk_used = used.get("DISK_GB", 0)
    return {
        "free_ram_mb": host.usable("MEMORY_MB") - used.get("MEMORY_MB", 0),
        "free_disk_mb": (host.usable("DISK_GB") - disk_used) * 1024,
        "total_usable_ram_mb": host.usable("MEMORY_MB"),
        "total_usable_disk_gb": host.usable("DISK_GB"),
        "disk_mb_used": disk_used * 1024,
        "vcpus_total": host.usable("VCPU"),
        "vcpus_used": used.get("VCPU", 0),
        "num_instances": load.servers,
        "host": host.name,
        "nodename": host.name,
        "hypervisor_hostname": host.name,
        "hypervisor_type": str(host.inventory.get("hypervisor_type", "")),
        "hypervisor_version": int(host.inventory.get("hypervisor_version", 0)),
        "host_ip": host.address,
    }


# --- the rest


def _network(hints: Hints) -> str:
    """The network around ``build_near_host_ip``, as wide as ``cidr`` says. Raises BadRequest."""
    address, width = _one(hints, "build_near_host_ip"), _one(hints, "cidr") or _USUAL_NETWORK
    if not address:
        return ""
    try:
        return str(ipaddress.ip_network(address + width, strict=False))
    except ValueError as error:
        raise BadRequest(f"Invalid input for field/attribute cidr. Value: {width}. {error}") from error


def _preferred_traits(hints: Hints) -> tuple[str, ...]:
    """Names with commas between them, or a list of such."""
    given = [name.strip() for text in hints.get(PREFERRED_TRAITS, ()) for name in text.split(",")]
    for name in given:
        if not _TRAIT.fullmatch(name):
            raise BadRequest(f"The hint {PREFERRED_TRAITS} cannot be honoured: {name!r} is no name of a trait.")
    return tuple(sorted(set(given)))


def _priority(hints: Hints) -> int:
    text = _one(hints, PRIORITY)
    if text and not _PRIORITY.fullmatch(text):
        raise BadRequest(f"The hint {PRIORITY}={text} cannot be honoured: it is a whole number from -9999 to 9999.")
    return int(text or 0)
