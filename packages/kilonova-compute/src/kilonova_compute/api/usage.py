"""What projects used in a period."""

from __future__ import annotations

from datetime import UTC, datetime

from kilonova_kit.clock import iso_micros
from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.operations import Call
from msgspec import UNSET

from kilonova_compute.api import list_pages, policies
from kilonova_compute.api.types.limits import ProjectUsageView, ServerUsageView, UsageAnswer, UsageList, UsageQuery
from kilonova_compute.app import usage as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.servers import Server

UsageCall = Call[Compute, None, UsageQuery]

_MOMENT = 1e-6
_PAGED = (2, 40)
_FORMS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")


async def index(call: UsageCall) -> UsageList:
    if call.request.scope["path"].endswith("/"):  # one project's, and its id is empty
        raise NotFound("The resource could not be found.")
    period, detailed = _period(call), call.query.detailed[:1] == ["1"]
    servers, links = await _page(call, period, None)
    found = app.by_project(servers, period)
    return UsageList(
        tenant_usages=[_view(call, usage, period, detailed=detailed) for usage in found],
        tenant_usages_links=links or UNSET,
    )


async def show(call: UsageCall) -> UsageAnswer:
    project_id = call.path["project_id"]
    if project_id != call.identity.project_id:
        call.enforce(policies.USAGE_OF_OTHERS)
    period = _period(call)
    servers, links = await _page(call, period, project_id)
    found = app.by_project(servers, period)
    view = _view(call, found[0], period, detailed=True) if found else None
    return UsageAnswer(tenant_usage=view or {}, tenant_usage_links=links or UNSET)


async def _page(
    call: UsageCall, period: app.Period, project_id: str | None
) -> tuple[list[Server], list[list_pages.Link]]:
    """A page of servers; before 2.40 there were no pages, and sums are over all."""
    if call.version < _PAGED:
        return await app.servers_in(call.app, period, project_id, None, None), []
    size = list_pages.page_size(call, call.query.limit)
    servers = await app.servers_in(call.app, period, project_id, list_pages.last(call.query.marker), size)
    return servers, list_pages.page_links(call, size, [server.id for server in servers])


def _period(call: UsageCall) -> app.Period:
    """What was asked for, up to now; an end that is not given comes a moment after a start that is not (as nova)."""
    now = call.app.clock()
    start = _moment(call.query.start[0] if call.query.start else "", now)
    stop = _moment(call.query.end[0] if call.query.end else "", now + _MOMENT)
    if not start < stop:
        raise BadRequest("Invalid start time. The start time cannot occur after the end time.")
    return app.Period(start, min(stop, now + _MOMENT))


def _moment(text: str, now: float) -> float:
    if not text:
        return now
    for form in _FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    raise BadRequest("Invalid datetime string: Datetime is in invalid format")


def _view(call: UsageCall, usage: app.ProjectUsage, period: app.Period, *, detailed: bool) -> ProjectUsageView:
    now = call.app.clock()
    return ProjectUsageView(
        tenant_id=usage.project_id,
        total_hours=usage.hours,
        total_vcpus_usage=usage.vcpu_hours,
        total_memory_mb_usage=usage.ram_hours,
        total_local_gb_usage=usage.disk_hours,
        start=iso_micros(period.start),
        stop=iso_micros(period.stop),
        server_usages=[_server_view(server, period, now) for server in usage.servers] if detailed else UNSET,
    )


def _server_view(server: Server, period: app.Period, now: float) -> ServerUsageView:
    launched, ended = server.launched_at or server.created_at, server.terminated_at
    return ServerUsageView(
        instance_id=server.id,
        name=server.name,
        tenant_id=server.project_id,
        flavor=server.flavor.name,
        state="terminated" if ended else server.vm_state.value,
        hours=period.hours_of(server),
        uptime=int((ended or now) - launched),
        vcpus=server.flavor.vcpus,
        memory_mb=server.flavor.ram,
        local_gb=server.flavor.disk + server.flavor.ephemeral,
        started_at=iso_micros(launched),
        ended_at=iso_micros(ended) if ended else None,
    )
