"""The engine: moves actions forward, whoever calls and however often.

One call of ``drive`` takes an action over, runs its steps on the controller one after the other, and lets go where
a host must work or a pause is due. Everything that has happened is in the journal before anything else happens; a
report of a host, a timer or a restart drives on from there: restart, retry and first run are one path.

    open_action ──► drive ──► step on the controller ──► … ──► finish
                      ▲  └──► step on a host: asked, let go
                      └── report of the host · ask again after a silence · time is over
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from kilonova_kit.errors import KilonovaError, Unavailable
from kilonova_kit.ids import new_uuid
from kilonova_kit.logs import bind
from kilonova_kit.metrics import counter
from kilonova_messages.reports import Receipt
from kilonova_messages.steps import StepReport, StepRequest

from kilonova_compute.actions import states
from kilonova_compute.actions.steps import Action, Context, NotYet, Outcome, ServerChange, Services, Step, StepFailed
from kilonova_compute.agents.requests import HostLink
from kilonova_compute.cells.cells import Cell, Cells
from kilonova_compute.model.actions import (
    ActionRecord,
    ActionState,
    Do,
    Finish,
    Line,
    LineState,
    Move,
    Retry,
    StepFault,
    Undo,
    next_move,
)
from kilonova_compute.model.servers import Server
from kilonova_compute.store import actions as store
from kilonova_compute.store.actions import Journal, LostAction

log = logging.getLogger(__name__)

#: For how long a worker may hold an action without writing; longer than any step on the controller.
HOLD_SECONDS = 60.0
#: After how long a silent host is asked again.
ASK_AGAIN_SECONDS = 3.0
#: For how long an undo on a host is tried before it is left to the sweep of stray guests.
UNDO_SECONDS = 120.0
_CONTROLLER_PAUSES = (0.1, 0.5, 2.0, 5.0)

_closed = counter("kilonova_actions_closed", "Actions closed", ("verb", "state"))

Announce = Callable[[Cell], None]
HostIsUp = Callable[[Cell, str], bool]


class Engine:
    """Drives the actions of every cell."""

    def __init__(
        self,
        actions: Mapping[str, Action],
        cells: Cells,
        hosts: HostLink,
        services: Services,
        *,
        announce: Announce,
        host_is_up: HostIsUp,
        holder: str,
    ) -> None:
        self._actions, self._cells, self._hosts, self._services = actions, cells, hosts, services
        self._announce, self._host_is_up = announce, host_is_up
        #: Who we are to other controllers; the same after a restart, so that we go on with our own at once.
        self.holder = holder
        self._driven: set[str] = set()
        self._again: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def action(self, verb: str) -> Action:
        return self._actions[verb]

    def wake(self, cell: Cell, action_id: str, journal: Journal | None = None) -> None:
        """Drive an action soon; one that is being driven is driven once more.

        ``journal`` is what is known of an action that this engine holds already: it need not be read again. Nothing is
        driven after ``close``.
        """
        if self._closed:
            return
        if action_id in self._driven:
            self._again.add(action_id)
            return
        self._driven.add(action_id)
        task = asyncio.create_task(self._drive_safely(cell, action_id, journal))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop driving, at once: the journal knows how to go on."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Wait until nothing is driven by this engine right now."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drive_safely(self, cell: Cell, action_id: str, journal: Journal | None) -> None:
        try:
            await self.drive(cell, action_id, journal)
        except LostAction:
            log.info("action %s is driven by another worker", action_id)
        except Unavailable as error:
            log.warning("action %s waits: %s", action_id, error.message)
        except Exception:
            log.exception("driving action %s failed", action_id)
        finally:
            self._driven.discard(action_id)
            if action_id in self._again:
                self._again.discard(action_id)
                self.wake(cell, action_id)

    async def drive(self, cell: Cell, action_id: str, journal: Journal | None = None) -> None:
        """Move an action on until it is closed, or waits for a host or for a time."""
        if journal is None:
            now = self._services.clock()
            journal = await cell.database.write(
                lambda tx: store.take(tx, action_id, self.holder, now, now + HOLD_SECONDS)
            )
        if journal is None:
            return
        action = journal.action
        with bind(
            action_id=action.id,
            server_id=action.server_id,
            request_id=action.request_id,
            project_id=action.project_id,
        ):
            await _Drive(self, cell, journal).run()

    # --- what a host says

    async def step_reported(self, cell: Cell, host_id: str, report: StepReport) -> Receipt:
        """Write a host's report down, if it is the host's to say and as new as the question."""
        refused, journal = await cell.database.write(lambda tx: self._write_report(tx, host_id, report))
        if refused:
            log.info("report %s of host %s is %s", report.operation_id, host_id, refused)
            return Receipt(refused=refused)
        if _ends(report):
            self.wake(cell, report.action_id, journal)
        return Receipt()

    def _write_report(self, tx: Any, host_id: str, report: StepReport) -> tuple[str, Journal | None]:
        """Why it is refused; else the journal, where this engine may go on with it at once."""
        journal = store.read(tx, report.action_id)
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
        reported = self._reported_line(journal.action, line, report)
        store.write_line(tx, report.action_id, reported)
        if not _ends(report) or report.action_id in self._driven:
            return "", None
        lines = store.merged(journal.lines, [reported], journal.action.attempt)
        now = self._services.clock()
        known = msgspec.structs.replace(journal, lines=lines)
        return "", store.take_over(tx, known, self.holder, now, now + HOLD_SECONDS)

    def _reported_line(self, action: ActionRecord, line: Line, report: StepReport) -> Line:
        """The line as the report leaves it: done or undone, failed, or to be asked again."""
        now = self._services.clock()
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


#: What a host says that another host may not say.
_ELSEWHERE = frozenset({"no_resources", "internal", "network", "image", "disk_full", "transient", "host_down", "late"})


def _ends(report: StepReport) -> bool:
    """Whether the step is over; what may pass by itself is asked again after the usual silence."""
    return report.state != "working" and not (report.error and report.error.retryable)


class _Drive:
    """One worker's way through one action.

    The end of a step is written together with the begin of the next one, in ``_write``: until then it is pending, and a
    crash before it repeats the step.
    """

    def __init__(self, engine: Engine, cell: Cell, journal: Journal) -> None:
        self._engine, self._cell, self._journal = engine, cell, journal
        self._definition = engine.action(journal.action.verb)
        self._services = engine._services
        self._pending_lines: list[Line] = []
        self._pending_changes: list[ServerChange] = []
        #: Steps that were begun before this worker came: they may be half done.
        self._found_begun = frozenset(line.step for line in journal.lines)

    async def run(self) -> None:
        while (move := self._next()) is not None:
            if not await self._make(move):
                return

    def _next(self) -> Move | None:
        action = self._journal.action
        if not action.state.open:
            return None
        definition = self._definition
        return next_move(definition.names, definition.undoable, definition.attempts, action, self._journal.lines)

    async def _make(self, move: Move) -> bool:
        """Make one move; whether this worker goes on."""
        match move:
            case Do(step):
                return await self._do(self._definition.step(step))
            case Undo(step):
                return await self._undo(self._definition.step(step))
            case Finish():
                await self._finish()
            case Retry():
                return await self._retry()
            case _:
                await self._fail()
        return False

    # --- doing

    async def _do(self, step: Step) -> bool:
        line = self._line(step)
        if step.skip is not None and step.skip(self._context(line)):
            return await self._end(line, LineState.DONE)
        if step.on_host is not None:
            if self._late(line, step.within):
                return await self._end(line, LineState.FAILED, fault=self._late_fault(step, line, elsewhere=True))
            return await self._ask_host(step, line, LineState.BEGUN, step.on_host, step.within)
        assert step.do is not None
        if self._is_new(line):
            await self._write([line], keep=True)
        return await self._run(step.do, step, line, LineState.DONE)

    async def _undo(self, step: Step) -> bool:
        line = self._undoing(self._line(step))
        if self._journal.action.state is not ActionState.UNDOING:
            await self._begin_undoing(line)
        if step.undo_on_host is not None:
            if self._late(line, UNDO_SECONDS):
                log.warning("%s could not be undone on its host in time; the sweep will", step.name)
                return await self._end(line, LineState.UNDONE)
            return await self._ask_host(step, line, LineState.UNDOING, step.undo_on_host, UNDO_SECONDS)
        assert step.undo is not None
        return await self._run(step.undo, step, line, LineState.UNDONE)

    async def _run(self, do: Any, step: Step, line: Line, good: LineState) -> bool:
        """Run a function of the controller; a passing fault pauses the action, any other ends the step."""
        try:
            async with asyncio.timeout(HOLD_SECONDS / 2):
                outcome: Outcome | None = await do(self._context(line))
        except StepFailed as failed:
            return await self._failed(line, good, failed.fault)
        except (NotYet, Unavailable, TimeoutError) as passing:
            return await self._pause(line, good, str(passing) or type(passing).__name__)
        except KilonovaError as error:
            return await self._failed(line, good, StepFault(code=error.kind, message=error.message))
        except Exception:
            log.exception("step %s failed unexpectedly", step.name)
            return await self._failed(line, good, StepFault(code="internal", message=f"step {step.name} failed"))
        outcome = outcome or Outcome()
        return await self._end(line, good, result=outcome.result, change=outcome.change)

    async def _failed(self, line: Line, good: LineState, fault: StepFault) -> bool:
        if good is LineState.UNDONE:  # an undo that cannot be done is tried again until its time is over
            return await self._pause(line, good, fault.message)
        return await self._end(line, LineState.FAILED, fault=fault)

    async def _pause(self, line: Line, good: LineState, why: str) -> bool:
        log.info("step %s waits: %s", line.step, why)
        # Only what was tried can be late: time that passed while no controller ran is not the step's.
        step, waited = self._definition.step(line.step), msgspec.structs.replace(line, result={"waits": why})
        if good is LineState.DONE and line.tries and self._late(line, step.within):
            return await self._end(line, LineState.FAILED, fault=self._late_fault(step, waited, elsewhere=False))
        if good is LineState.UNDONE and line.tries >= 50:
            log.error("step %s could not be undone: %s", line.step, why)
            return await self._end(line, LineState.UNDONE)
        pause = _CONTROLLER_PAUSES[min(line.tries, len(_CONTROLLER_PAUSES) - 1)]
        waiting = msgspec.structs.replace(line, tries=line.tries + 1, result={**line.result, "waits": why})
        await self._write([waiting], keep=False, wake_in=pause)
        return False

    async def _ask_host(self, step: Step, line: Line, state: LineState, make: Any, within: float) -> bool:
        """Ask the server's host, and let go until it reports or must be asked again."""
        server = self._journal.server
        host_id = line.host_id or (server.host_id if server else None)
        if server is None or host_id is None:
            return await self._end(line, LineState.UNDONE if state is LineState.UNDOING else LineState.DONE)
        if not self._engine._host_is_up(self._cell, host_id):
            if step.done_without_host or state is LineState.UNDOING:
                log.warning("host %s is down: what is left there is swept when it returns", server.host)
                return await self._end(line, LineState.UNDONE if state is LineState.UNDOING else LineState.DONE)
            fault = StepFault(code="host_down", message=f"host {server.host} is down", elsewhere=True)
            return await self._end(line, LineState.FAILED, fault=fault)
        asked = await self._asked(line, state, host_id)
        try:
            host_step = await make(self._context(asked))
        except (Unavailable, NotYet) as passing:
            return await self._pause(asked, state, str(passing))
        except StepFailed as failed:
            return await self._failed(asked, LineState.UNDONE if state is LineState.UNDOING else state, failed.fault)
        await self._engine._hosts.send_step(self._cell.name, host_id, self._request(asked, host_step, within))
        return False

    async def _asked(self, line: Line, state: LineState, host_id: str) -> Line:
        """The line with its question written down: a new operation and generation unless it is only repeated."""
        if line.operation_id and line.state is state and not self._is_new(line):
            await self._write([], keep=False, wake_in=ASK_AGAIN_SECONDS)  # a report may have come: no line is rewritten
            return line
        server = self._journal.server
        assert server is not None
        asked = msgspec.structs.replace(
            line, state=state, host_id=host_id, operation_id=new_uuid(), generation=server.generation + 1
        )
        await self._write([asked], keep=False, change=_next_generation, wake_in=ASK_AGAIN_SECONDS)
        return asked

    def _request(self, line: Line, step: Any, within: float) -> StepRequest:
        action = self._journal.action
        return StepRequest(
            operation_id=line.operation_id,
            action_id=action.id,
            server_id=action.server_id,
            generation=line.generation,
            step=step,
            sent_at=self._services.clock(),
            deadline=line.started_at + within,
            request_id=action.request_id,
            project_id=action.project_id,
        )

    # --- ends

    async def _end(
        self,
        line: Line,
        state: LineState,
        *,
        result: Mapping[str, Any] | None = None,
        change: ServerChange | None = None,
        fault: StepFault | None = None,
    ) -> bool:
        now = self._services.clock()
        ended = msgspec.structs.replace(
            line, state=state, finished_at=now, result=dict(result or line.result), fault=fault or line.fault
        )
        if state is LineState.FAILED and fault is not None:
            log.info("step %s failed: %s", line.step, fault.message)
        self._note(ended, change)
        return True

    def _note(self, ended: Line, change: ServerChange | None) -> None:
        """Know it now, write it with the next thing that is written."""
        journal = self._journal
        self._pending_lines.append(ended)
        server = journal.server
        if change is not None and server is not None:
            self._pending_changes.append(change)
            server = change(server)
        lines = store.merged(journal.lines, [ended], journal.action.attempt)
        self._journal = msgspec.structs.replace(journal, lines=lines, server=server)

    async def _finish(self) -> None:
        finished = self._definition.finished
        reported = self._reported_changes()
        await self._close(ActionState.FINISHED, lambda server: finished(reported(server)))

    def _reported_changes(self) -> ServerChange:
        """What the hosts' successes change: the guest's power above all."""
        lines, definition = self._journal.lines, self._definition

        def change(server: Server) -> Server:
            for line in lines:
                reported = definition.step(line.step).reported
                if reported is not None and "power" in line.result:
                    server = reported(server, str(line.result["power"]))
            return server

        return change

    async def _fail(self) -> None:
        action = self._journal.action
        cancelled = StepFault(code="cancelled", message="another action took its place")
        fault = action.fault or self._first_fault() or cancelled
        await self._close(
            ActionState.FAILED, lambda server: self._definition.failed(server, fault), message=fault.message
        )

    async def _retry(self) -> bool:
        """Begin again on another host: a new attempt with an empty journal."""
        action, server = self._journal.action, self._journal.server
        tried = [*action.input.get("not_hosts", ()), *([server.host] if server and server.host else ())]
        again = msgspec.structs.replace(
            action,
            state=ActionState.RUNNING,
            attempt=action.attempt + 1,
            input={**action.input, "not_hosts": tried},
        )
        log.info("action %s begins again, without hosts %s", action.verb, tried)
        await self._write([], keep=True, change=_without_host, action=again)
        return True

    async def _close(self, state: ActionState, change: ServerChange, message: str | None = None) -> None:
        now = self._services.clock()
        closed = msgspec.structs.replace(
            self._journal.action, state=state, finished_at=now, updated_at=now, message=message
        )
        await self._write([], keep=False, change=change, action=closed)
        _closed.labels(closed.verb, state.value).inc()
        log.info("action %s %s%s", closed.verb, state.value, f": {message}" if message else "")
        following = await self._cell.database.read(lambda tx: store.running_on(tx, closed.server_id))
        if following is not None:
            self._engine.wake(self._cell, following)

    async def _begin_undoing(self, line: Line) -> None:
        fault = self._first_fault() or StepFault(code="cancelled", message="another action took its place")
        undoing = msgspec.structs.replace(
            self._journal.action, state=ActionState.UNDOING, fault=self._journal.action.fault or fault
        )
        await self._write([line], keep=True, action=undoing)

    # --- the journal

    def _first_fault(self) -> StepFault | None:
        return next((line.fault for line in self._journal.lines if line.fault is not None), None)

    def _line(self, step: Step) -> Line:
        """The step's line in the present attempt, or a new one."""
        for line in self._journal.lines:
            if line.step == step.name:
                return line
        return Line(
            step=step.name,
            position=self._definition.names.index(step.name),
            attempt=self._journal.action.attempt,
            state=LineState.BEGUN,
            started_at=self._services.clock(),
        )

    def _undoing(self, line: Line) -> Line:
        if line.state is LineState.UNDOING:
            return line
        return msgspec.structs.replace(
            line, state=LineState.UNDOING, started_at=self._services.clock(), operation_id="", tries=0
        )

    def _is_new(self, line: Line) -> bool:
        return all(known.step != line.step for known in self._journal.lines)

    def _late(self, line: Line, within: float) -> bool:
        return self._services.clock() > line.started_at + within

    def _late_fault(self, step: Step, line: Line, *, elsewhere: bool) -> StepFault:
        return StepFault(code="late", message=self._late_words(step, line), elsewhere=elsewhere)

    def _late_words(self, step: Step, line: Line) -> str:
        waits = line.result.get("waits")
        return f"step {step.name} was not done within {step.within:.0f} seconds" + (f": {waits}" if waits else "")

    def _context(self, line: Line) -> Context:
        server = self._journal.server
        assert server is not None
        return Context(
            server=server,
            action=self._journal.action,
            results={known.step: known.result for known in self._journal.lines},
            services=self._services,
            first_try=line.tries == 0 and line.step not in self._found_begun,
        )

    async def _write(
        self,
        lines: list[Line],
        *,
        keep: bool,
        change: ServerChange | None = None,
        action: ActionRecord | None = None,
        wake_in: float = 0.0,
    ) -> None:
        now = self._services.clock()
        record = msgspec.structs.replace(action or self._journal.action, updated_at=now, wake_at=now + wake_in)
        written = [*self._pending_lines, *lines]
        changes = [*self._pending_changes, *([change] if change else [])]
        whole = states.in_turn(changes) if changes else None
        self._pending_lines, self._pending_changes = [], []
        self._journal = await self._cell.database.write(
            lambda tx: store.advance(
                tx, self._journal, record, written, whole, keep=keep, held_until=now + HOLD_SECONDS
            )
        )
        if whole is not None:
            self._engine._announce(self._cell)


def _next_generation(server: Server) -> Server:
    return msgspec.structs.replace(server, generation=server.generation + 1)


def _without_host(server: Server) -> Server:
    return msgspec.structs.replace(server, host_id=None, host=None, node=None, claim_id=None)
