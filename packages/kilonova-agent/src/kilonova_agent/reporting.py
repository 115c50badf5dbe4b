"""What the host says by itself: that it lives, what it has, which guests and images, and what happens to guests.

Everything is made when it is sent, so a report that had to wait for the bus is not old when it arrives. What happens
to a guest while a step works on it is left to the step's own report; only if they disagree is the guest told of.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

import msgspec
from kilonova_driver.errors import DriverError
from kilonova_driver.types.guests import GuestEvent
from kilonova_kit.processes import boot_id
from kilonova_messages.reports import (
    GuestEventReport,
    GuestsReport,
    GuestState,
    Heartbeat,
    HostReport,
    ImagesReport,
    Receipt,
)

from kilonova_agent.clocks import ControllerClock
from kilonova_agent.errors import AgentError
from kilonova_agent.guest_states import all_guest_states, guest_state
from kilonova_agent.inventories import host_report
from kilonova_agent.joining import AGENT_VERSION
from kilonova_agent.outbox import Outbox
from kilonova_agent.steps.work import Host
from kilonova_agent.worker import Worker

log = logging.getLogger(__name__)

_MOST_NAMED = 1000
_LOOK_AGAIN_SECONDS = 5.0


class Reporting:
    """The agent's own reports, from ``start`` to ``close``."""

    def __init__(
        self, host: Host, worker: Worker, outbox: Outbox, clock: ControllerClock, *, hostname: str, address: str,
        heartbeat_seconds: float, guests_seconds: float,
    ) -> None:  # fmt: skip
        self._host, self._worker, self._outbox, self._clock = host, worker, outbox, clock
        self._hostname, self._address = hostname, address
        self._heartbeat_seconds, self._guests_seconds = heartbeat_seconds, guests_seconds
        self._boot_id, self._started_at = boot_id(), time.time()
        #: What the host was last said to have, once that was receipted; and what is being said.
        self._told: HostReport | None = None
        self._saying: HostReport | None = None
        self._images_sent: tuple[str, ...] | None = None
        self._images_told: tuple[str, ...] | None = None
        self._refused = ""
        self._noticed: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._repeat(self._heartbeat_seconds, self.heartbeat)),
            asyncio.create_task(self._repeat(self._guests_seconds, self._look)),
            asyncio.create_task(self._watch_guests()),
        ]
        self._worker.on_idle = self._step_ended
        self._host.images.on_change = self.tell_images

    async def close(self) -> None:
        self._worker.on_idle = lambda _: None
        self._host.images.on_change = lambda: None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception:
                log.exception("a report failed; the next one is due in %g seconds", seconds)
            await asyncio.sleep(seconds * random.uniform(0.9, 1.1))  # noqa: S311 - so that hosts do not speak at once

    # -- the host -----------------------------------------------------------------------------------------------

    async def heartbeat(self) -> None:
        self._outbox.put("heartbeat", self._make_heartbeat, self._heartbeat_heard, urgent=True)

    async def _make_heartbeat(self) -> Heartbeat:
        return Heartbeat(
            boot_id=self._boot_id,
            agent_version=AGENT_VERSION,
            clock=time.time(),
            started_at=self._started_at,
            working=self._worker.in_hand()[:_MOST_NAMED],
        )

    def _heartbeat_heard(self, receipt: Receipt) -> None:
        if receipt.refused and receipt.refused != self._refused:
            log.warning("the controller does not know this host (%s); telling it what the host has", receipt.refused)
        if receipt.refused or self._refused:
            self._told = None
            self.tell_host()
            self.tell_images()
        self._refused = receipt.refused

    def tell_host(self) -> None:
        self._outbox.put("host", self._make_host, self._host_heard)

    async def _make_host(self) -> HostReport | None:
        try:
            self._saying = await host_report(self._host, self._hostname, self._address)
        except (DriverError, AgentError) as error:
            log.error("it cannot be said what the host has: %s", error)
            self._saying = None
        return self._saying

    def _host_heard(self, receipt: Receipt) -> None:
        self._told = None if receipt.refused else self._saying

    async def _look(self) -> None:
        """Tell of the guests, and of the host and its images if these have changed."""
        self.tell_guests()
        if self._host.images.held() != self._images_told:
            self.tell_images()
        self._host.records.forget_old(time.time())
        try:
            now = await host_report(self._host, self._hostname, self._address)
        except (DriverError, AgentError) as error:
            log.error("it cannot be said what the host has: %s", error)
            return
        if now != self._told:
            self.tell_host()

    # -- images -------------------------------------------------------------------------------------------------

    def tell_images(self) -> None:
        self._outbox.put("images", self._make_images, self._images_heard)

    async def _make_images(self) -> ImagesReport:
        self._images_sent = self._host.images.held()
        return ImagesReport(images=self._images_sent)

    def _images_heard(self, receipt: Receipt) -> None:
        """What an older controller could not read is told again, when there may be a newer one."""
        self._images_told = None if receipt.refused else self._images_sent

    # -- guests -------------------------------------------------------------------------------------------------

    def tell_guests(self) -> None:
        self._outbox.put("guests", self._make_guests, None)

    async def _make_guests(self) -> GuestsReport | None:
        taken_at = self._clock.now()
        try:
            return GuestsReport(guests=await all_guest_states(self._host), taken_at=taken_at)
        except DriverError as error:
            log.error("the driver cannot list its guests: %s", error.message)
            return None

    async def _watch_guests(self) -> None:
        while True:
            try:
                async for event in self._host.driver.events():
                    self._noted(event)
                return
            except DriverError as error:
                log.error("the driver's events broke off: %s", error.message)
            except Exception:
                log.exception("the driver's events broke off")
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def _noted(self, event: GuestEvent) -> None:
        guest_id = event.guest_id
        if self._worker.is_busy(guest_id):
            self._noticed.add(guest_id)
        else:
            self._tell_guest(guest_id)

    def _step_ended(self, guest_id: str) -> None:
        if guest_id in self._noticed:
            self._noticed.discard(guest_id)
            self._tell_guest(guest_id)

    def _tell_guest(self, guest_id: str) -> None:
        told = ""

        async def make() -> GuestEventReport | None:
            nonlocal told
            state = await self._changed_state(guest_id)
            if state is None:
                return None
            told = state.power
            return GuestEventReport(guest=state, at=self._clock.now())

        self._outbox.put(("guest", guest_id), make, lambda _: self._remember(guest_id, told))

    async def _changed_state(self, guest_id: str) -> GuestState | None:
        """The guest as it is now; None when that is what was told before, or when a step will tell."""
        if self._worker.is_busy(guest_id):
            self._noticed.add(guest_id)
            return None
        try:
            guest = await self._host.driver.get_guest(guest_id)
        except DriverError as error:
            log.debug("nothing to tell of guest %s: %s", guest_id, error.message)
            return None
        record = self._host.records.get(guest_id)
        if record is not None and record.power == guest.power.value:
            return None
        return guest_state(guest, self._host.records)

    def _remember(self, guest_id: str, power: str) -> None:
        record = self._host.records.get(guest_id)
        log.info("guest %s is %s by itself", guest_id, power, extra={"server_id": guest_id})
        if record is None:
            return
        try:
            self._host.records.put(msgspec.structs.replace(record, power=power))
        except OSError as error:
            log.warning("the power of guest %s cannot be written down: %s", guest_id, error)
