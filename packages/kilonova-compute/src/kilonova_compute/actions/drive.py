"""One worker's way through one action: it plans the next move, makes it, and lets go where it must wait.

A step on the controller runs here; a step on a host is a question, asked again after a silence until the host's report
is in the journal or its time is over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from kilonova_kit.errors import KilonovaError, Unavailable
from kilonova_kit.ids import new_uuid
from kilonova_kit.metrics import counter
from kilonova_messages.steps import StepRequest

from kilonova_compute.actions.open_journal import HOLD_SECONDS, Announce, OpenJournal
from kilonova_compute.actions.steps import Action, Context, NotYet, Outcome, ServerChange, Services, Step, StepFailed
from kilonova_compute.agents.requests import HostLink
from kilonova_compute.cells.cells import Cell
from kilonova_compute.model.actions import (
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
from kilonova_compute.store.actions import Journal

log = logging.getLogger(__name__)

#: After how long a silent host is asked again.
ASK_AGAIN_SECONDS = 3.0
#: For how long an undo on a host is tried before it is left to the sweep of stray guests.
UNDO_SECONDS = 120.0
_CONTROLLER_PAUSES = (0.1, 0.5, 2.0, 5.0)

_closed = counter("kilonova_actions_closed", "Actions closed", ("verb", "state"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a drive works with. ``wake`` drives another action of the cell soon; ``holder`` is who we are to others."""

    hosts: HostLink
    services: Services
    announce: Announce
    host_is_up: Callable[[Cell, str], bool]
    wake: Callable[[Cell, str], None]
    holder: str


class Drive:
    """The way through one action that this worker holds."""

    def __init__(self, means: Means, definition: Action, cell: Cell, journal: Journal) -> None:
        self._means, self._definition, self._cell = means, definition, cell
        self._journal = OpenJournal(cell, journal, means.services.clock, means.announce, holder=means.holder)

    async def run(self) -> None:
        """Move until the action is closed, or waits for a host or for a time. Raises LostAction."""
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
        if self._journal.line(line.step) is None:
            await self._journal.write([line], keep=True)
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
        await self._journal.write([waiting], keep=False, wake_in=pause)
        return False

    async def _ask_host(self, step: Step, line: Line, state: LineState, make: Any, within: float) -> bool:
        """Ask the server's host, and let go until it reports or must be asked again."""
        server = self._journal.server
        host_id = line.host_id or (server.host_id if server else None)
        good = LineState.UNDONE if state is LineState.UNDOING else LineState.DONE
        if server is None or host_id is None:
            return await self._end(line, good)
        if not self._means.host_is_up(self._cell, host_id):
            if step.done_without_host or good is LineState.UNDONE:
                log.warning("host %s is down: what is left there is swept when it returns", server.host)
                return await self._end(line, good)
            fault = StepFault(code="host_down", message=f"host {server.host} is down", elsewhere=True)
            return await self._end(line, LineState.FAILED, fault=fault)
        asked = await self._asked(line, state, host_id)
        try:
            host_step = await make(self._context(asked))
        except (Unavailable, NotYet) as passing:
            return await self._pause(asked, state, str(passing))
        except StepFailed as failed:
            return await self._failed(asked, good, failed.fault)
        await self._means.hosts.send_step(self._cell.name, host_id, self._request(asked, host_step, within))
        return False

    async def _asked(self, line: Line, state: LineState, host_id: str) -> Line:
        """The line with its question written down: a new operation and generation unless it is only repeated."""
        if line.operation_id and line.state is state and self._journal.line(line.step) is not None:
            # A report may have come meanwhile: no line is rewritten.
            await self._journal.write([], keep=False, wake_in=ASK_AGAIN_SECONDS)
            return line
        server = self._journal.server
        assert server is not None
        asked = msgspec.structs.replace(
            line, state=state, host_id=host_id, operation_id=new_uuid(), generation=server.generation + 1
        )
        await self._journal.write([asked], keep=False, change=_next_generation, wake_in=ASK_AGAIN_SECONDS)
        return asked

    def _request(self, line: Line, step: Any, within: float) -> StepRequest:
        action = self._journal.action
        return StepRequest(
            operation_id=line.operation_id,
            action_id=action.id,
            server_id=action.server_id,
            generation=line.generation,
            step=step,
            sent_at=self._means.services.clock(),
            deadline=self._deadline(line, within),
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
        now = self._means.services.clock()
        ended = msgspec.structs.replace(
            line, state=state, finished_at=now, result=dict(result or line.result), fault=fault or line.fault
        )
        if state is LineState.FAILED and fault is not None:
            log.info("step %s failed: %s", line.step, fault.message)
        self._journal.note(ended, change)
        return True

    async def _finish(self) -> None:
        await self._close(ActionState.FINISHED, self._definition.finished)

    async def _fail(self) -> None:
        action = self._journal.action
        cancelled = StepFault(code="cancelled", message="another action took its place")
        fault = action.fault or self._journal.first_fault or cancelled
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
        await self._journal.write([], keep=True, change=_without_host, action=again)
        return True

    async def _close(self, state: ActionState, change: ServerChange, message: str | None = None) -> None:
        now = self._means.services.clock()
        closed = msgspec.structs.replace(
            self._journal.action, state=state, finished_at=now, updated_at=now, message=message
        )
        await self._journal.write([], keep=False, change=change, action=closed)
        _closed.labels(closed.verb, state.value).inc()
        log.info("action %s %s%s", closed.verb, state.value, f": {message}" if message else "")
        if self._journal.following is not None:
            self._means.wake(self._cell, self._journal.following)

    async def _begin_undoing(self, line: Line) -> None:
        fault = self._journal.first_fault or StepFault(code="cancelled", message="another action took its place")
        undoing = msgspec.structs.replace(
            self._journal.action, state=ActionState.UNDOING, fault=self._journal.action.fault or fault
        )
        await self._journal.write([line], keep=True, action=undoing)

    # --- lines

    def _line(self, step: Step) -> Line:
        """The step's line in the present attempt, or a new one."""
        if (known := self._journal.line(step.name)) is not None:
            return known
        action = self._journal.action
        line = self._definition.line(step.name, action.attempt, self._means.services.clock())
        return msgspec.structs.replace(line, unattended=action.unattended)

    def _undoing(self, line: Line) -> Line:
        if line.state is LineState.UNDOING:
            return line
        now, unattended = self._means.services.clock(), self._journal.action.unattended
        return msgspec.structs.replace(
            line, state=LineState.UNDOING, started_at=now, unattended=unattended, operation_id="", tries=0
        )

    def _deadline(self, line: Line, within: float) -> float:
        """Until when the step may take: time in which nobody could advance the action is not the step's."""
        return line.started_at + within + self._journal.action.unattended - line.unattended

    def _late(self, line: Line, within: float) -> bool:
        return self._means.services.clock() > self._deadline(line, within)

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
            services=self._means.services,
            first_try=line.tries == 0 and not self._journal.was_found(line.step),
        )


def _next_generation(server: Server) -> Server:
    return msgspec.structs.replace(server, generation=server.generation + 1)


def _without_host(server: Server) -> Server:
    return msgspec.structs.replace(server, host_id=None, host=None, node=None, claim_id=None)
