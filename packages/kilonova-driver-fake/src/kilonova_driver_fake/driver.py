"""The fake driver: guests that exist only on paper, obey the whole contract, and misbehave when told to.

Invariants:
- What was answered is in the journal: a new driver on the same ``state_dir`` goes on where a killed one stopped.
- One guest, one operation at a time: a caller that breaks this rule of the contract gets ``Internal`` at once, and
  ``breaches`` counts it, so that a test of an agent can see it.
- Given the same calls, the same answers (times aside). File writes are a few microseconds, made in the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import msgspec
from kilonova_driver.driver import CONTRACT_VERSION, Mode, PowerTarget
from kilonova_driver.errors import DriverError, GuestNotFound, Internal, Stale, Transient
from kilonova_driver.types.guests import Diagnostics, Guest, GuestEvent, GuestSpec, Power
from kilonova_driver.types.inventory import Capabilities, Inventory
from kilonova_driver.types.orders import Order
from kilonova_driver.types.settings import DriverSettings

from kilonova_driver_fake import records, witness
from kilonova_driver_fake.faults import Kind, crash_after
from kilonova_driver_fake.host import FEATURES, check_spec, make_inventory, read_options, totals
from kilonova_driver_fake.journal import Journal
from kilonova_driver_fake.misbehaviour import Misbehaviour, has_orders
from kilonova_driver_fake.records import Record, Removed, view

CAPABILITIES = Capabilities(
    name="fake",
    version=version("kilonova-driver-fake"),
    contract=CONTRACT_VERSION,
    talents=frozenset({"pause", "diagnostics"}),
    features=FEATURES,
    needs_host_network=False,
    needs_images=False,
)


def make_driver(settings: DriverSettings) -> FakeDriver:
    """The entry point. Raises InvalidSpec for options that are not understood."""
    return FakeDriver(settings)


class FakeDriver:
    """A host of paper; see the module's docstring, and ``control.FakeControl`` for its orders to misbehave."""

    def __init__(self, settings: DriverSettings) -> None:
        self._options = read_options(settings)
        self._inventory = make_inventory(self._options)
        self._totals = totals(self._inventory)
        self._state_dir = Path(settings.state_dir)
        self._host_name = settings.host_name
        self._witness = Path(self._options.witness_dir) if self._options.witness_dir else None
        self._journal = Journal(self._state_dir)
        self._misbehaviour = Misbehaviour(self._state_dir)
        self._events: asyncio.Queue[GuestEvent | None] = asyncio.Queue()
        self._busy: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._closed = False
        #: How often a caller ran two operations on one guest at once.
        self.breaches = 0

    async def start(self) -> None:
        self._journal.open()
        for record in self._journal.guests.values():
            self._plan_crash(record)
        self._look_at_control()

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._events.put_nowait(None)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def inventory(self) -> Inventory:
        await self._misbehaviour.before("inventory")
        return self._inventory

    async def list_guests(self) -> tuple[Guest, ...]:
        await self._misbehaviour.before("list_guests")
        return tuple(view(record) for record in self._journal.guests.values())

    async def get_guest(self, guest_id: str) -> Guest:
        return view(await self._look_at("get_guest", guest_id))

    async def console_log(self, guest_id: str, max_bytes: int) -> bytes:
        return records.console_text(await self._look_at("console_log", guest_id), max_bytes)

    async def diagnostics(self, guest_id: str) -> Diagnostics:
        return records.diagnose(await self._look_at("diagnostics", guest_id), time.time())

    async def ensure_guest(self, order: Order, spec: GuestSpec, power: PowerTarget) -> Guest:
        """As in the contract. A running guest's processors, memory and disks are immutable, bases always."""
        check_spec(spec, self._totals)
        with self._alone(spec.guest_id):
            await self._misbehaviour.before("ensure_guest", spec.guest_id, spec)
            record = self._journal.guests.get(spec.guest_id)
            if record is not None and order.operation_id in record.operations:
                return view(record)
            check_order(order, self._generation(spec.guest_id))
            record = record or records.half_made(order, spec)
            # Refused before anything is written down; decided again afterwards, for a start takes time.
            wished = records.powered(records.reshaped(record, spec), power, time.time())
            if self._witness:
                witness.arrive(self._witness, spec.guest_id, self._host_name)
            if wished.boots > record.boots and self._options.boot_seconds:
                self._journal.write(record)
                await asyncio.sleep(self._options.boot_seconds)
                record = self._journal.guests[spec.guest_id]
            made = records.powered(records.reshaped(record, spec), power, time.time())
            return self._keep("ensure_guest", records.obeyed(made, order))

    async def set_power(
        self, order: Order, guest_id: str, target: PowerTarget, mode: Mode, grace_seconds: float
    ) -> Guest:
        """As in the contract; paper guests obey a graceful order at once."""
        return await self._obey("set_power", order, guest_id, lambda at: records.powered(at, target, time.time()))

    async def reboot(self, order: Order, guest_id: str, mode: Mode, grace_seconds: float) -> Guest:
        return await self._obey("reboot", order, guest_id, lambda at: records.started(at, time.time()))

    async def pause(self, order: Order, guest_id: str) -> Guest:
        return await self._obey("pause", order, guest_id, lambda at: records.frozen(at, Power.PAUSED))

    async def unpause(self, order: Order, guest_id: str) -> Guest:
        return await self._obey("unpause", order, guest_id, lambda at: records.frozen(at, Power.ON))

    async def remove_guest(self, order: Order, guest_id: str) -> None:
        with self._alone(guest_id):
            record = self._journal.guests.get(guest_id)
            await self._misbehaviour.before("remove_guest", guest_id, record.spec if record else None)
            if record is not None:
                check_order(order, record.generation)
                self._plan_crash(msgspec.structs.replace(record, power=Power.OFF))
            # Also for one that never was here: the build that this undoes may still be on its way.
            if record is not None or order.generation > self._generation(guest_id):
                self._journal.write(Removed(guest_id=guest_id, generation=order.generation))
            if self._witness:
                witness.leave(self._witness, guest_id, self._host_name)
            self._misbehaviour.after("remove_guest", guest_id, record.spec if record else None)

    async def events(self) -> AsyncIterator[GuestEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def kill_guest_for_check(self, guest_id: str) -> None:
        """Let a running guest die by itself: the conformance kit's hook."""
        self._fall(guest_id, Power.CRASHED, "killed for a check")

    async def _look_at(self, method: str, guest_id: str) -> Record:
        record = self._journal.guests.get(guest_id)
        await self._misbehaviour.before(method, guest_id, record.spec if record else None)
        return self._find(guest_id)

    async def _obey(self, method: str, order: Order, guest_id: str, change: Callable[[Record], Record]) -> Guest:
        """Carry out one order on a guest that exists: once, and only if it is neither stale nor late."""
        with self._alone(guest_id):
            record = await self._look_at(method, guest_id)
            if order.operation_id in record.operations:
                return view(record)
            check_order(order, record.generation)
            if change(record).boots > record.boots and self._options.boot_seconds:
                await asyncio.sleep(self._options.boot_seconds)
            return self._keep(method, records.obeyed(change(self._find(guest_id)), order))

    def _keep(self, method: str, record: Record) -> Guest:
        self._journal.write(record)
        self._plan_crash(record)
        self._misbehaviour.after(method, record.guest_id, record.spec)
        return view(record)

    def _find(self, guest_id: str) -> Record:
        record = self._journal.guests.get(guest_id)
        if record is None:
            raise GuestNotFound(f"no guest {guest_id} here")
        return record

    def _generation(self, guest_id: str) -> int:
        """The newest generation seen for a guest that lives, or lived."""
        entry = self._journal.guests.get(guest_id) or self._journal.removed.get(guest_id)
        return entry.generation if entry else 0

    @contextlib.contextmanager
    def _alone(self, guest_id: str) -> Iterator[None]:
        if guest_id in self._busy:
            self.breaches += 1
            raise Internal(f"the caller runs two operations on guest {guest_id} at once")
        self._busy.add(guest_id)
        try:
            yield
        finally:
            self._busy.discard(guest_id)

    def _plan_crash(self, record: Record) -> None:
        """Let the guest crash by itself if its spec says so, counted from its latest start."""
        if timer := self._timers.pop(record.guest_id, None):
            timer.cancel()
        seconds = crash_after(record.spec) if has_orders(record.spec) and record.started_at else None
        if seconds is not None and record.power is Power.ON and record.started_at is not None:
            left = max(0.0, record.started_at + seconds - time.time())
            reason = f"crashed {seconds} s after its start, on order"
            loop = asyncio.get_running_loop()
            self._timers[record.guest_id] = loop.call_later(left, self._fall, record.guest_id, Power.CRASHED, reason)

    def _look_at_control(self) -> None:
        """Crash guests on order, and see releases, while nobody calls."""
        if self._closed or self._journal.is_superseded():
            return
        self._misbehaviour.refresh()
        for fault in self._misbehaviour.sudden():
            power = Power.CRASHED if fault.kind is Kind.CRASH else Power.OFF
            self._fall(fault.guest_id, power, fault.message)
        loop = asyncio.get_running_loop()
        self._timers["/control"] = loop.call_later(self._options.control_poll_seconds, self._look_at_control)

    def _fall(self, guest_id: str, power: Power, reason: str) -> None:
        """A running guest ends by itself. One that does not run, or a host that cannot write, changes nothing."""
        record = self._journal.guests.get(guest_id)
        if self._closed or record is None or record.power not in (Power.ON, Power.PAUSED):
            return
        with contextlib.suppress(DriverError):
            self._journal.write(records.stopped(record, power, reason))
            self._events.put_nowait(GuestEvent(guest_id=guest_id, power=power, at=time.time(), reason=reason))


def check_order(order: Order, seen: int) -> None:
    """Raises Stale for an order older than one already obeyed, Transient for one whose deadline has passed."""
    if order.generation < seen:
        raise Stale(f"the order has generation {order.generation}, the guest has obeyed {seen}")
    if order.deadline and order.deadline < time.time():
        raise Transient("the order's deadline has passed: ask again")
