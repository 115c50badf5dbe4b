"""What was done to a server: its actions, and their journal's lines as events with the names that clients know."""

from __future__ import annotations

from kilonova_kit.clock import iso_micros, parse_iso
from kilonova_kit.errors import BadRequest, NotFound
from kilonova_kit.http.operations import Call, NoQuery
from msgspec import UNSET

from kilonova_compute.api import list_pages, policies, versions
from kilonova_compute.api.server_views import host_id_hash
from kilonova_compute.api.servers import found
from kilonova_compute.api.types.instance_actions import ActionAnswer, ActionList, ActionQuery, ActionView, EventView
from kilonova_compute.api.types.values import invalid
from kilonova_compute.app import servers as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.actions import ActionRecord, ActionState, Line, LineState
from kilonova_compute.model.servers import Server

ListCall = Call[Compute, None, ActionQuery]
ShowCall = Call[Compute, None, NoQuery]

#: The names of the real API's events for steps that do the same.
_EVENTS = {
    ("create", "bind_claim"): "conductor_schedule_and_build_instances",
    ("create", "bind_ports"): "compute_allocate_network",
    ("create", "build_guest"): "compute__do_build_and_run_instance",
    ("delete", "remove_guest"): "compute_terminate_instance",
    ("delete", "release_ports"): "compute_deallocate_network",
    ("delete", "release_claims"): "conductor_release_claims",
    ("start", "start_guest"): "compute_start_instance",
    ("stop", "stop_guest"): "compute_stop_instance",
    ("reboot", "reboot_guest"): "compute_reboot_instance",
    ("reboot_hard", "reboot_guest"): "compute_reboot_instance",
    ("pause", "pause_guest"): "compute_pause_instance",
    ("unpause", "unpause_guest"): "compute_unpause_instance",
}
_RESULTS = {
    LineState.DONE: "Success",
    LineState.FAILED: "Error",
    LineState.UNDOING: "Error",
    LineState.UNDONE: "Error",
}


async def index(call: ListCall) -> ActionList:
    server = await found(call, deleted=call.version >= versions.ACTIONS_OF_DELETED)
    since, before = _moments(call.query)
    size, marker = list_pages.page_size(call, call.query.limit), list_pages.last(call.query.marker)
    page = await app.actions_of(call.app, server, since=since, before=before, marker=marker, limit=size)
    views = [_view(action) for action in page]
    if call.version < versions.ACTIONS_PAGED:
        return ActionList(actions=views)
    return ActionList(actions=views, links=list_pages.page_links(call, size, [view.request_id for view in views]))


def _moments(query: ActionQuery) -> tuple[float | None, float | None]:
    since = _moment("changes-since", query.changes_since)
    before = _moment("changes-before", query.changes_before)
    if since is not None and before is not None and before < since:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    return since, before


def _moment(name: str, values: list[str]) -> float | None:
    if not values:
        return None
    try:
        return parse_iso(values[-1])
    except ValueError:
        raise invalid(name, values[-1], f"'{values[-1]}' is not a 'date-time'") from None


async def show(call: ShowCall) -> ActionAnswer:
    server = await found(call, deleted=call.version >= versions.ACTIONS_OF_DELETED)
    request_id = call.path["request_id"]
    try:
        action, lines = await app.action_with_lines(call.app, server, request_id)
    except NotFound as error:
        raise NotFound(f"Action {request_id} not found") from error
    all_of_it = call.may(policies.EVENTS)
    if not all_of_it and call.version < versions.EVENTS_FOR_ALL:
        return ActionAnswer(action=_view(action))
    details = call.may(policies.EVENT_DETAILS)
    events = [_event(call, action, line, server, all_of_it, details) for line in reversed(lines)]
    return ActionAnswer(action=_view(action, events))


def _view(action: ActionRecord, events: list[EventView] | None = None) -> ActionView:
    failed = action.state is ActionState.FAILED
    return ActionView(
        action=app.public_verb(action.verb),
        instance_uuid=action.server_id,
        request_id=action.request_id,
        user_id=action.user_id,
        project_id=action.project_id,
        start_time=iso_micros(action.started_at),
        message="Error" if failed else None,
        updated_at=iso_micros(action.updated_at),
        events=UNSET if events is None else events,
    )


def _event(
    call: ShowCall, action: ActionRecord, line: Line, server: Server, all_of_it: bool, details: bool
) -> EventView:
    host = call.app.hosts.get(line.host_id) if line.host_id else None
    name = host.name if host else line.host_id or call.app.engine.holder  # a step of the controller is its own
    why = line.fault.message if line.fault else None
    return EventView(
        event=_EVENTS.get((action.verb, line.step), f"compute_{line.step}"),
        start_time=iso_micros(line.started_at),
        finish_time=None if line.finished_at is None else iso_micros(line.finished_at),
        result=_RESULTS.get(line.state),
        traceback=why if all_of_it else UNSET,
        host=name if all_of_it else UNSET,
        host_id_hash=host_id_hash(action.project_id or server.project_id, name),
        details=why if details else UNSET,
    )
