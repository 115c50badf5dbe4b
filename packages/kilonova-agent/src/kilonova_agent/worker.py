"""The host's steps: taken up once, run one at a time for each guest, and told how they ended.

    take ──► lane of the guest ──► gate (so many guests at once) ──► the step ──► record, outcome, report

Invariants:
- Never two operations on one guest at once; all that touches a guest goes through its lane.
- An operation id runs at most once: asked again while it is in hand, the answer is "working"; afterwards it is the same
  outcome again.
- A question older than the newest known about its guest is passed over; a removal breaks off whatever is older than it.
- Only the time that the controller left counts for a deadline, measured by a clock that nobody sets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from kilonova_driver.errors import DriverError
from kilonova_driver.types.guests import Guest
from kilonova_driver.types.orders import Order
from kilonova_kit.logs import bind
from kilonova_kit.metrics import counter, histogram
from kilonova_messages.steps import EnsureGuest, RemoveGuest, StepError, StepReport, StepRequest

from kilonova_agent.clocks import ControllerClock, seconds_left
from kilonova_agent.errors import StepFailure, as_step_error
from kilonova_agent.outbox import Outbox
from kilonova_agent.outcomes import Outcomes
from kilonova_agent.records import GuestRecord, Tombstone
from kilonova_agent.steps.all_steps import run_step
from kilonova_agent.steps.work import Host, Work

log = logging.getLogger(__name__)

_steps = counter("kilonova_agent_steps_total", "Steps by how they ended.", ("step", "outcome"))
_seconds = histogram("kilonova_agent_step_seconds", "How long steps took.", ("step",))

#: A step that takes longer tells the controller that it is in hand; the many short ones just end.
WORKING_AFTER_SECONDS = 0.5


class _Job:
    """A step request in a lane; ``expires`` is by the loop's clock."""

    __slots__ = ("expires", "order", "request", "task", "teller", "work")

    def __init__(self, request: StepRequest, now: float) -> None:
        left = seconds_left(request)
        self.request = request
        self.expires = None if left is None else now + left
        deadline = 0.0 if left is None else time.time() + left
        self.order = Order(operation_id=request.operation_id, generation=request.generation, deadline=deadline)
        self.work = Work(request.server_id, self.order)
        self.task: asyncio.Task[None] | None = None
        self.teller: asyncio.TimerHandle | None = None


class _Lane:
    """What waits for one guest, and what runs."""

    __slots__ = ("current", "newest", "queue")

    def __init__(self) -> None:
        self.queue: deque[_Job | Callable[[], Awaitable[None]]] = deque()
        self.current: _Job | None = None
        self.newest = 0


class Worker:
    """Takes steps up and runs them on ``host``."""

    def __init__(
        self, host: Host, outbox: Outbox, *, builds_at_once: int, steps_at_once: int, clock: ControllerClock
    ) -> None:
        self._host, self._outbox, self._clock = host, outbox, clock
        self._builds = asyncio.Semaphore(builds_at_once)
        self._others = asyncio.Semaphore(steps_at_once)
        self._lanes: dict[str, _Lane] = {}
        self._runners: set[asyncio.Task[None]] = set()
        self._in_hand: dict[str, _Job] = {}
        self._outcomes = Outcomes()
        self._closed = False
        #: Called when a guest's last job in hand has ended.
        self.on_idle: Callable[[str], None] = lambda _: None

    # -- questions ----------------------------------------------------------------------------------------------

    def in_hand(self) -> tuple[str, ...]:
        return tuple(self._in_hand)

    def is_busy(self, guest_id: str) -> bool:
        return guest_id in self._lanes

    def take(self, request: StepRequest) -> None:
        """Take a step up, or answer that it is in hand, or how it ended."""
        if self._closed:
            return
        self._clock.heard(request)
        guest_id = request.server_id
        if (outcome := self._outcome(request)) is not None:
            self._tell(outcome)
        elif (job := self._in_hand.get(request.operation_id)) is not None:
            self._tell_working(job)
        elif request.generation < (newest := self._newest(guest_id)):
            self._pass_over(request, newest)
        else:
            self._accept(_Job(request, asyncio.get_running_loop().time()))

    def _outcome(self, request: StepRequest) -> StepReport | None:
        known = self._outcomes.get(request.operation_id)
        if known is not None:
            return known
        last = self._host.records.last(request.server_id)
        return last if last is not None and last.operation_id == request.operation_id else None

    def _newest(self, guest_id: str) -> int:
        lane = self._lanes.get(guest_id)
        return max(lane.newest if lane else 0, self._host.records.generation(guest_id))

    def _pass_over(self, request: StepRequest, newest: int) -> None:
        with _bound(request):
            log.info("%s is older (%d) than what is known (%d)", _name(request), request.generation, newest)

    def _accept(self, job: _Job) -> None:
        guest_id = job.request.server_id
        self._in_hand[job.request.operation_id] = job
        lane = self._lane(guest_id)
        lane.newest = max(lane.newest, job.request.generation)
        lane.queue.append(job)
        if isinstance(job.request.step, RemoveGuest):
            _break_off(lane.current)

    def _lane(self, guest_id: str) -> _Lane:
        lane = self._lanes.get(guest_id)
        if lane is None:
            lane = self._lanes[guest_id] = _Lane()
            runner = asyncio.create_task(self._run_lane(guest_id, lane))
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)
        return lane

    async def alone(self, guest_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do something else with a guest, when it is its turn in the lane; its errors are raised here.

        StepFailure when the agent is being closed.
        """
        if self._closed:
            raise StepFailure("transient", "the agent is stopping; ask again", retryable=True)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def job() -> None:
            if done.cancelled():
                return
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - handed to the one who asked for it
                if not done.cancelled():
                    done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(None)

        self._lane(guest_id).queue.append(job)
        await done

    # -- running ------------------------------------------------------------------------------------------------

    async def _run_lane(self, guest_id: str, lane: _Lane) -> None:
        try:
            while lane.queue:
                job = lane.queue.popleft()
                if not isinstance(job, _Job):
                    await job()
                    continue
                lane.current = job
                job.task = asyncio.create_task(self._run(job, lane))
                await asyncio.wait([job.task])
                self._let_go(job, lane)
        finally:
            if (current := lane.current) is not None and current.task is not None:
                current.task.cancel()
                await asyncio.wait([current.task])
                self._let_go(current, lane)
            del self._lanes[guest_id]
        self.on_idle(guest_id)

    def _let_go(self, job: _Job, lane: _Lane) -> None:
        """The job is over; here and not in its own task, which may have been broken off before it began."""
        lane.current = None
        self._in_hand.pop(job.request.operation_id, None)

    async def _run(self, job: _Job, lane: _Lane) -> None:
        request = job.request
        loop = asyncio.get_running_loop()
        with _bound(request):
            try:
                if request.generation < lane.newest and not self._closed:
                    self._pass_over(request, lane.newest)
                    return
                began = loop.time()
                job.teller = loop.call_later(WORKING_AFTER_SECONDS, self._tell_working, job)
                report = await self._report(job)
                _seconds.labels(_name(request)).observe(loop.time() - began)
                _steps.labels(_name(request), report.error.code if report.error else "done").inc()
                self._outcomes.keep(report)
                self._tell(report)
            except asyncio.CancelledError:
                log.info("%s is broken off", _name(request))
            finally:
                if job.teller is not None:
                    job.teller.cancel()

    async def _report(self, job: _Job) -> StepReport:
        """Run the step; how it ended, written into the guest's record too."""
        guest, error = None, None
        try:
            guest = await self._within_time(job)
        except Exception as problem:
            error = as_step_error(problem)
            if error is None:
                log.exception("%s failed unexpectedly", _name(job.request))
                error = StepError(code="internal", message=f"the agent failed: {type(problem).__name__}: {problem}")
            else:
                log.info("%s failed: %s: %s", _name(job.request), error.code, error.message)
        power = await self._power(job, guest, error)
        report = _step_report(job, "failed" if error else "done", power=power, error=error)
        self._write_down(job, guest, report)
        return report

    async def _within_time(self, job: _Job) -> Guest | None:
        if job.expires is not None and job.expires <= asyncio.get_running_loop().time():
            raise StepFailure("late", f"{_name(job.request)} came when its time was over")
        limit = asyncio.timeout_at(job.expires)
        try:
            async with limit, self._gate(job):
                return await run_step(self._host, job.work, job.request.step)
        except TimeoutError:
            if not limit.expired():
                raise
            waits = f" (it was at: {job.work.waits})" if job.work.waits else ""
            raise StepFailure("late", f"{_name(job.request)} was not done in the time it had{waits}") from None

    def _gate(self, job: _Job) -> asyncio.Semaphore:
        job.work.waits = "other guests go first"
        return self._builds if isinstance(job.request.step, EnsureGuest) else self._others

    async def _power(self, job: _Job, guest: Guest | None, error: StepError | None) -> str:
        if error is None:
            return guest.power.value if guest is not None else ""
        with contextlib.suppress(DriverError):
            return (await self._host.driver.get_guest(job.request.server_id)).power.value
        return ""

    def _write_down(self, job: _Job, guest: Guest | None, report: StepReport) -> None:
        """The end of the operation, for after a restart; a disk that does not take it changes nothing else."""
        records, guest_id = self._host.records, job.request.server_id
        removed = report.error is None and guest is None
        try:
            if removed:
                records.bury(
                    Tombstone(guest_id=guest_id, generation=job.order.generation, removed_at=time.time(), last=report)
                )
            elif (record := records.get(guest_id)) is not None:
                records.put(_ended(record, job, guest, report))
            elif guest is not None:  # found without a record, which was lost
                records.put(_ended(GuestRecord(guest_id=guest_id, generation=0), job, guest, report))
        except (OSError, DriverError) as error:
            log.warning("the end of %s cannot be written down: %s", _name(job.request), error)

    # -- telling ------------------------------------------------------------------------------------------------

    def _tell(self, report: StepReport) -> None:
        self._outbox.put(("step", report.operation_id), report)

    def _tell_working(self, job: _Job) -> None:
        """Say that it is in hand; nothing, when it has ended by the time that it could be sent."""

        async def make() -> StepReport | None:
            return _step_report(job, "working") if job.request.operation_id in self._in_hand else None

        self._outbox.put(("step", job.request.operation_id), make)

    async def close(self) -> None:
        """Break everything off; the controller asks again when we are back."""
        self._closed = True
        for runner in tuple(self._runners):
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)


def _break_off(job: _Job | None) -> None:
    """End what runs, at its next safe point; a removal that is under way already goes on."""
    if job is not None and job.task is not None and not isinstance(job.request.step, RemoveGuest):
        job.task.cancel()


def _name(request: StepRequest) -> str:
    return str(request.step.__struct_config__.tag)


def _bound(request: StepRequest) -> Any:
    return bind(
        server_id=request.server_id,
        action_id=request.action_id,
        request_id=request.request_id,
        project_id=request.project_id,
    )


def _step_report(job: _Job, state: Any, *, power: str = "", error: StepError | None = None) -> StepReport:
    request = job.request
    return StepReport(
        operation_id=request.operation_id,
        action_id=request.action_id,
        server_id=request.server_id,
        generation=request.generation,
        state=state,
        power=power,
        error=error,
        details=job.work.phases if state != "working" else {},
    )


def _ended(record: GuestRecord, job: _Job, guest: Guest | None, report: StepReport) -> GuestRecord:
    ended = msgspec.structs.replace(record, last=report, generation=max(record.generation, job.order.generation))
    if guest is None:
        return ended
    return msgspec.structs.replace(ended, made=True, power=guest.power.value, handle=guest.handle, host_stopped=False)
