"""Hosts as the oldest clients knew them (until 2.42), and the log of usage audits, which nobody runs here."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest, NotImplementedHere
from kilonova_kit.http.operations import Call, NoQuery

from kilonova_compute.api import list_pages
from kilonova_compute.api.services import CONTROLLER_PARTS
from kilonova_compute.app import hosts as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.app.hosts import HostLoad
from kilonova_compute.model.hosts import Host


class HostQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of one zone."""

    zone: list[str] = []


class HostChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``PUT /os-hosts/{name}``: ``enable`` or ``disable``."""

    status: str | None = None
    maintenance_mode: str | None = None


async def index(call: Call[Compute, None, HostQuery]) -> dict[str, Any]:
    own = call.app.engine.holder
    found = [{"host_name": own, "service": name.removeprefix("nova-"), "zone": "internal"} for name in CONTROLLER_PARTS]
    found += [
        {"host_name": host.name, "service": "compute", "zone": host.zone}
        for host in app.all_hosts(call.app)
        if not host.disabled
    ]
    zone = list_pages.last(call.query.zone)
    return {"hosts": [one for one in found if not zone or one["zone"] == zone]}


async def show(call: Call[Compute, None, NoQuery]) -> dict[str, Any]:
    host = app.by_name(call.app, call.path["name"])
    load = (await app.loads(call.app)).get(host.id, HostLoad())
    servers = await app.servers_on(call.app, host.name)
    by_project: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for server in servers:
        flavor = server.flavor
        by_project[server.project_id].append((flavor.vcpus, flavor.ram, flavor.disk + flavor.ephemeral))
    everything = [amounts for found in by_project.values() for amounts in found]
    classes = ("VCPU", "MEMORY_MB", "DISK_GB")
    rows = [
        _row(host, "(total)", [tuple(host.total(name) for name in classes)]),
        _row(host, "(used_now)", [tuple(load.used.get(name, 0) for name in classes)]),
        _row(host, "(used_max)", everything),
        *(_row(host, project_id, found) for project_id, found in by_project.items()),
    ]
    return {"host": rows}


def _row(host: Host, project: str, amounts: list[Any]) -> dict[str, Any]:
    cpu, ram, disk = (sum(one[place] for one in amounts) for place in range(3))
    return {"resource": {"host": host.name, "project": project, "cpu": cpu, "memory_mb": ram, "disk_gb": disk}}


async def update(call: Call[Compute, HostChange, NoQuery]) -> dict[str, Any]:
    status, maintenance = call.body.status, call.body.maintenance_mode
    if status is None and maintenance is None:
        raise BadRequest("Invalid input for field/attribute body. Give a status or a maintenance_mode.")
    for value in (status, maintenance):
        if value is not None and value.strip().lower() not in ("enable", "disable"):
            raise BadRequest(f"Invalid input for field/attribute status. Value: {value}. Say enable or disable.")
    host = app.by_name(call.app, call.path["name"])
    if maintenance is not None:
        raise NotImplementedHere("Unable to complete the requested operation: hosts have no maintenance mode.")
    enabled = status is not None and status.strip().lower() == "enable"
    await app.set_disabled(call.app, host, not enabled, None)
    return {"host": host.name, "status": "enabled" if enabled else "disabled"}


async def power(call: Call[Compute, None, NoQuery]) -> dict[str, Any]:
    app.by_name(call.app, call.path["name"])
    raise NotImplementedHere("Unable to complete the requested operation: hosts' own power is not in our hands.")


# --- audits


async def audit_log(call: Call[Compute, None, NoQuery]) -> dict[str, Any]:
    now = datetime.fromtimestamp(call.app.clock(), UTC).replace(tzinfo=None)
    return {"instance_usage_audit_logs": _audits(call.app, now)}


async def audit_log_before(call: Call[Compute, None, NoQuery]) -> dict[str, Any]:
    text = call.path["before"]
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S"):
        try:
            return {"instance_usage_audit_log": _audits(call.app, datetime.strptime(text, form))}
        except (ValueError, OverflowError):  # the second: there is no month before the first
            continue
    raise BadRequest(f"Invalid timestamp for date {text}")


def _audits(compute: Compute, before: datetime) -> dict[str, Any]:
    """The last whole month: no host has audited anything."""
    end = before.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begin = (end - timedelta(days=1)).replace(day=1)
    names = sorted(host.name for host in compute.hosts.values())
    return {
        "period_beginning": str(begin),
        "period_ending": str(end),
        "num_hosts": len(names),
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": len(names),
        "hosts_not_run": names,
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": f"{'ALL' if not names else f'0 of {len(names)}'} hosts done. 0 errors.",
        "log": {},
    }
