"""Availability zones: where hosts are."""

from __future__ import annotations

from typing import Any

from kilonova_kit.clock import iso_micros
from kilonova_kit.http.operations import Call, NoQuery

from kilonova_compute.api.services import COMPUTE, CONTROLLER_PARTS
from kilonova_compute.api.types.hosts import ZoneList, ZoneView
from kilonova_compute.app import hosts as app
from kilonova_compute.app.compute import Compute

ZoneCall = Call[Compute, None, NoQuery]


def _zones(call: ZoneCall) -> dict[str, bool]:
    """Every zone with hosts, and whether any of them takes servers."""
    zones: dict[str, bool] = {}
    for host in app.all_hosts(call.app):
        zones[host.zone] = zones.get(host.zone, False) or not host.disabled
    return dict(sorted(zones.items(), key=lambda item: not item[1]))


async def index(call: ZoneCall) -> ZoneList:
    views = [ZoneView(zone_name=name, zone_state={"available": state}) for name, state in _zones(call).items()]
    return ZoneList(zones=views)


async def detail(call: ZoneCall) -> ZoneList:
    views = [_internal(call)]
    for name, available in _zones(call).items():
        hosts = _hosts(call, name) if available else None
        views.append(ZoneView(zone_name=name, zone_state={"available": available}, hosts=hosts))
    return ZoneList(zones=views)


def _internal(call: ZoneCall) -> ZoneView:
    state = {"available": True, "active": True, "updated_at": iso_micros(call.app.clock())}
    parts = dict.fromkeys(CONTROLLER_PARTS, state)
    return ZoneView(zone_name="internal", zone_state={"available": True}, hosts={call.app.engine.holder: parts})


def _hosts(call: ZoneCall, zone: str) -> dict[str, Any]:
    now = call.app.clock()
    return {
        host.name: {COMPUTE: {"available": host.is_up(now), "active": True, "updated_at": iso_micros(host.heard_at)}}
        for host in app.all_hosts(call.app)
        if host.zone == zone and not host.disabled
    }
