"""Hypervisors: hosts, and what they have and give (before 2.88; placement says it since)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.operations import Call, NoQuery
from kilonova_kit.ids import is_uuid_like
from msgspec import UNSET

from kilonova_compute.api import list_pages
from kilonova_compute.api.types.hosts import (
    HypervisorAnswer,
    HypervisorList,
    HypervisorQuery,
    HypervisorView,
    OneHypervisorQuery,
    StatisticsAnswer,
)
from kilonova_compute.api.types.values import as_bool
from kilonova_compute.app import hosts as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.app.hosts import HostLoad
from kilonova_compute.model.hosts import Host

AnyCall = Call[Compute, Any, Any]
ListCall = Call[Compute, None, HypervisorQuery]
OneCall = Call[Compute, None, OneHypervisorQuery]

_CPU_IS_AN_OBJECT = (2, 28)
_PAGED = (2, 33)
_UUIDS = (2, 53)
_SERVERS_ALWAYS = (2, 75)
_NO_STATISTICS = (2, 88)


async def index(call: ListCall) -> HypervisorList:
    return await _listed(call, detail=False)


async def detail(call: ListCall) -> HypervisorList:
    return await _listed(call, detail=True)


async def _listed(call: ListCall, *, detail: bool) -> HypervisorList:
    pattern, with_servers = list_pages.last(call.query.hypervisor_hostname_pattern), _with_servers(call)
    links: list[list_pages.Link] = []
    if pattern is not None:
        if call.query.limit or call.query.marker:
            raise BadRequest(
                "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported."
            )
        found = _matching(call, pattern)
    else:
        found, links = _page(call)
    loads = await app.loads(call.app) if detail else {}
    views = [await _view(call, host, loads, detail=detail, with_servers=with_servers) for host in found]
    return HypervisorList(hypervisors=views, hypervisors_links=links or UNSET)


def _with_servers(call: Call[Compute, Any, HypervisorQuery] | OneCall) -> bool:
    return as_bool("with_servers", call.query.with_servers[-1]) if call.query.with_servers else False


def _reported(call: AnyCall) -> list[Host]:
    """Hosts that have said what they are."""
    return [host for host in app.all_hosts(call.app) if host.inventory]


def _page(call: ListCall) -> tuple[list[Host], list[list_pages.Link]]:
    found, marker = _reported(call), list_pages.last(call.query.marker)
    if call.version < _PAGED:
        return found, []
    size = list_pages.page_size(call, call.query.limit)
    if marker is not None:
        ids = [_id(call, host) for host in found]
        if marker not in ids:
            raise BadRequest(f"marker [{marker}] not found")
        found = found[ids.index(marker) + 1 :]
    page = found[:size]
    return page, list_pages.page_links(call, size, [_id(call, host) for host in page])


def _matching(call: AnyCall, pattern: str) -> list[Host]:
    found = [host for host in _reported(call) if pattern in host.name]
    if not found:
        raise NotFound(f"No hypervisor matching '{pattern}' could be found.")
    return found


def _id(call: AnyCall, host: Host) -> str:
    return host.id if call.version >= _UUIDS else str(host.number)


def _one(call: AnyCall) -> Host:
    wanted = call.path["hypervisor_id"]
    if call.version >= _UUIDS and not is_uuid_like(wanted):
        raise BadRequest(f"Invalid uuid {wanted}")
    for host in _reported(call):
        if _id(call, host) == wanted:
            return host
    raise NotFound(f"Hypervisor with ID '{wanted}' could not be found.")


async def show(call: OneCall) -> HypervisorAnswer:
    host = _one(call)
    view = await _view(call, host, await app.loads(call.app), detail=True, with_servers=_with_servers(call))
    return HypervisorAnswer(hypervisor=view)


async def uptime(call: Call[Compute, None, NoQuery]) -> HypervisorAnswer:
    host = _one(call)
    if not host.is_up(call.app.clock()):
        raise BadRequest(f"Compute service of {host.name} is unavailable at this time.")
    view = await _view(call, host, {}, detail=False, with_servers=False)
    return HypervisorAnswer(hypervisor=msgspec.structs.replace(view, uptime=_uptime(call, host)))


async def search(call: Call[Compute, None, NoQuery]) -> HypervisorList:
    found = _matching(call, call.path["hypervisor_id"])
    return HypervisorList(hypervisors=[await _view(call, host, {}, detail=False, with_servers=False) for host in found])


async def servers(call: Call[Compute, None, NoQuery]) -> HypervisorList:
    found = _matching(call, call.path["hypervisor_id"])
    return HypervisorList(hypervisors=[await _view(call, host, {}, detail=False, with_servers=True) for host in found])


async def statistics(call: Call[Compute, None, NoQuery]) -> StatisticsAnswer:
    """Sums over the hosts that are not disabled."""
    loads = await app.loads(call.app)
    found = [host for host in _reported(call) if not host.disabled]
    amounts = [_amounts(host, loads.get(host.id, HostLoad())) for host in found]
    names = amounts[0] if amounts else _amounts(Host(id="", name="", cell=""), HostLoad())
    sums = {name: sum(one[name] for one in amounts) for name in names}
    return StatisticsAnswer(hypervisor_statistics={"count": len(found), **sums})


# --- views


async def _view(
    call: AnyCall, host: Host, loads: Mapping[str, HostLoad], *, detail: bool, with_servers: bool
) -> HypervisorView:
    brief = HypervisorView(
        id=host.id if call.version >= _UUIDS else host.number,
        hypervisor_hostname=host.name,
        state="up" if host.is_up(call.app.clock()) else "down",
        status="disabled" if host.disabled else "enabled",
        servers=await _servers(call, host) if with_servers else UNSET,
    )
    if not detail:
        return brief
    statistics = call.version < _NO_STATISTICS
    amounts: dict[str, Any] = _amounts(host, loads.get(host.id, HostLoad())) if statistics else {}
    return msgspec.structs.replace(
        brief,
        hypervisor_type=host.inventory.get("hypervisor_type", ""),
        hypervisor_version=host.inventory.get("hypervisor_version", 0),
        host_ip=host.address,
        service={"id": brief.id, "host": host.name, "disabled_reason": host.disabled_reason},
        cpu_info=_cpu(call, host) if statistics else UNSET,
        uptime=UNSET if statistics else _uptime(call, host),
        **amounts,
    )


async def _servers(call: AnyCall, host: Host) -> Any:
    found = await app.servers_on(call.app, host.name)
    if not found and call.version < _SERVERS_ALWAYS:
        return UNSET
    return [{"name": f"instance-{server.id[:8]}", "uuid": server.id} for server in found]


def _amounts(host: Host, load: HostLoad) -> dict[str, int]:
    """In the public API's words; memory that the host keeps for itself counts as used.

    Processors are those that guests share and those that are set aside for one guest each, as in Nova.
    """
    vcpus, own, ram, disk = (host.total(name) for name in ("VCPU", "PCPU", "MEMORY_MB", "DISK_GB"))
    ram_used = load.used.get("MEMORY_MB", 0) + _reserved(host, "MEMORY_MB")
    disk_used = load.used.get("DISK_GB", 0)
    return {
        "vcpus": vcpus + own,
        "memory_mb": ram,
        "local_gb": disk,
        "vcpus_used": load.used.get("VCPU", 0) + load.used.get("PCPU", 0),
        "memory_mb_used": ram_used,
        "local_gb_used": disk_used,
        "free_ram_mb": ram - ram_used,
        "free_disk_gb": disk - disk_used,
        "current_workload": 0,
        "running_vms": load.servers,
        "disk_available_least": disk - disk_used,
    }


def _reserved(host: Host, resource_class: str) -> int:
    pools = host.inventory.get("pools", ())
    return next((pool.get("reserved", 0) for pool in pools if pool["resource_class"] == resource_class), 0)


def _cpu(call: AnyCall, host: Host) -> Any:
    """Before 2.28 the same as JSON text."""
    cpu = host.inventory.get("cpu", {})
    plain = {
        "arch": cpu.get("arch", ""),
        "model": cpu.get("model", ""),
        "vendor": cpu.get("vendor", ""),
        "features": list(cpu.get("features", ())),
        "topology": {name: cpu.get(name, 1) for name in ("sockets", "cores", "threads")},
    }
    return plain if call.version >= _CPU_IS_AN_OBJECT else json.dumps(plain)


def _uptime(call: AnyCall, host: Host) -> str | None:
    """In the form of the command ``uptime``, as far as it is known: since the host's agent started."""
    now = call.app.clock()
    if not host.started_at or not host.is_up(now):
        return None
    span = timedelta(seconds=max(0, int(now - host.started_at)))
    return f" {datetime.fromtimestamp(now, UTC):%H:%M:%S} up {span}"
