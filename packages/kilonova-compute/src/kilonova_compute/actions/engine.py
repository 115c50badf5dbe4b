"""The engine: moves actions forward, whoever calls and however often.

One drive takes an action over, runs its steps on the controller one after the other, and lets go where
a host must work or a pause is due. Everything that has happened is in the journal before anything else happens; a
report of a host, a timer or a restart drives on from there: restart, retry and first run are one path.

    open_action ──► drive ──► step on the controller ──► … ──► finish
                      ▲  └──► step on a host: asked, let go
                      └── report of the host · ask again after a silence · time is over
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping

from kilonova_kit.database import Connection
from kilonova_kit.errors import Unavailable
from kilonova_kit.logs import bind
from kilonova_messages.reports import Receipt
from kilonova_messages.steps import StepReport

from kilonova_compute.actions.drive import Drive, Means
from kilonova_compute.actions.open_journal import HOLD_SECONDS, Announce
from kilonova_compute.actions.step_reports import Refusal, ends, write_report
from kilonova_compute.actions.steps import Action, Services
from kilonova_compute.agents.requests import HostLink
from kilonova_compute.cells.cells import Cell, Cells
from kilonova_compute.store import actions as store
from kilonova_compute.store.actions import Journal, LostAction

log = logging.getLogger(__name__)


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
        host_is_up: Callable[[Cell, str], bool],
        holder: str,
    ) -> None:
        self._actions, self._cells, self._clock = actions, cells, services.clock
        self._means = Means(
            hosts=hosts, services=services, announce=announce, host_is_up=host_is_up, wake=self.wake, holder=holder
        )
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
            await self._drive(cell, action_id, journal)
        finally:
            self._driven.discard(action_id)
            if action_id in self._again:
                self._again.discard(action_id)
                self.wake(cell, action_id)

    async def _drive(self, cell: Cell, action_id: str, journal: Journal | None) -> None:
        """Move an action on until it is closed, or waits for a host or for a time."""
        with _troubles_told(action_id):
            if journal is None:
                now = self._clock()
                journal = await cell.database.write(
                    lambda tx: store.take(tx, action_id, self.holder, now, now + HOLD_SECONDS)
                )
            if journal is None:
                return
            action = journal.action
            ids = {"server_id": action.server_id, "request_id": action.request_id, "project_id": action.project_id}
            with bind(action_id=action_id, **ids), _troubles_told(action_id):
                await Drive(self._means, self._actions[action.verb], cell, journal).run()

    # --- what a host says

    async def step_reported(self, cell: Cell, host_id: str, report: StepReport) -> Receipt:
        """Write a host's report down, if it is the host's to say and as new as the question."""
        refused, journal = await cell.database.write(lambda tx: self._write_report(tx, host_id, report))
        if refused:
            log.info("report %s of host %s is %s", report.operation_id, host_id, refused)
            return Receipt(refused=refused)
        if ends(report):
            self.wake(cell, report.action_id, journal)
        return Receipt()

    def _write_report(self, tx: Connection, host_id: str, report: StepReport) -> tuple[Refusal, Journal | None]:
        """Why it is refused; else the journal, where this engine may go on with it at once."""
        now = self._clock()
        refused, journal = write_report(tx, host_id, report, now)
        if journal is None or not ends(report) or report.action_id in self._driven:
            return refused, None
        return refused, store.take_over(tx, journal, self.holder, now, now + HOLD_SECONDS)


@contextlib.contextmanager
def _troubles_told(action_id: str) -> Iterator[None]:
    """What ends a drive is logged here, with the ids that are bound: the journal knows how to go on."""
    try:
        yield
    except LostAction:
        log.info("action %s is driven by another worker", action_id)
    except Unavailable as error:
        log.warning("action %s waits: %s", action_id, error.message)
    except Exception:
        log.exception("driving action %s failed", action_id)
