"""What a host's report of a step makes of the journal; believed only where it is the host's to say, and new enough."""

from __future__ import annotations

from typing import Literal

import msgspec
from kilonova_kit.database import Connection
from kilonova_messages.steps import StepReport

from kilonova_compute.model.actions import Line, LineState, StepFault
from kilonova_compute.store import actions as store
from kilonova_compute.store.actions import Journal

#: What a host says that another host may not say.
_ELSEWHERE = frozenset({"no_resources", "internal", "network", "image", "disk_full", "transient", "host_down", "late"})

Refusal = Literal["", "unknown", "stale", "not_yours"]


def ends(report: StepReport) -> bool:
    """Whether the step is over; what may pass by itself is asked again after the usual silence."""
    return report.state != "working" and not (report.error and report.error.retryable)


def write_report(tx: Connection, host_id: str, report: StepReport, now: float) -> tuple[Refusal, Journal | None]:
    """Why the report is refused (or ""); and the journal with it, where it says anything new."""
    journal = store.read(tx, report.action_id, to_change=True)
    if journal is None or not journal.action.state.open:
        return "unknown", None
    line = next((one for one in journal.lines if one.operation_id == report.operation_id), None)
    if line is None or line.state not in (LineState.BEGUN, LineState.UNDOING):
        return ("stale" if line is None else ""), None
    if line.host_id != host_id or report.server_id != journal.action.server_id:
        return "not_yours", None
    if report.generation != line.generation:
        return "stale", None
    if report.state == "working":
        return "", None
    reported = reported_line(line, report, now)
    store.write_lines(tx, report.action_id, [reported])
    lines = store.merged(journal.lines, [reported], journal.action.attempt)
    return "", msgspec.structs.replace(journal, lines=lines)


def reported_line(line: Line, report: StepReport, now: float) -> Line:
    """The line as the report leaves it: done or undone, failed, or to be asked again."""
    undoing = line.state is LineState.UNDOING
    if report.state == "done" or (undoing and report.error and not report.error.retryable):
        result = {**line.result, "power": report.power, **report.details}
        state = LineState.UNDONE if undoing else LineState.DONE
        return msgspec.structs.replace(line, state=state, finished_at=now, result=result)
    error = report.error
    assert error is not None
    if error.retryable:
        return msgspec.structs.replace(line, operation_id="", tries=line.tries + 1)
    fault = StepFault(code=error.code, message=error.message, elsewhere=error.code in _ELSEWHERE)
    return msgspec.structs.replace(line, state=LineState.FAILED, finished_at=now, fault=fault)
