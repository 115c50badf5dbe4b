"""One guest on this host: its record, its process, and the one task that changes either.

    (nothing) --ensure--> MAKING --disks made--> MADE, at rest <--start / end--> MADE, with a process
                                    any of them --remove--> REMOVING --> (nothing but a tombstone)

Invariants:
- Only the writer task of a guest changes its record or starts and ends its process; orders and what happens to the
  process are jobs in its queue, done one after another. Looking needs no turn.
- A process is started only with the guest's lock in hand, which that process then keeps: never two for one guest.
- What is to happen is written down before it happens (a stage, an expected end), so that whoever comes after a
  sudden death of this program knows what it sees.
- An operation that succeeded is remembered by its id and never done again; one that failed may be tried again.
- Only the wait for a guest to shut down by itself can be broken off: by a removal or a forced stop in the queue, or by
  its asker's cancellation (``patience.py``). Everything else is done to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.errors import Conflict, DriverError, GuestNotFound, Internal, Transient
from kilonova_driver.types.guests import Guest, GuestEvent, GuestSpec, Power
from kilonova_driver.types.orders import Order

from kilonova_driver_qemu.changes import check_change
from kilonova_driver_qemu.command_line import Host
from kilonova_driver_qemu.disks import disk_bytes, grow_disk, make_disk
from kilonova_driver_qemu.handing import BUS
from kilonova_driver_qemu.launching import check_readable, launch
from kilonova_driver_qemu.layout import GuestFiles, StateFiles
from kilonova_driver_qemu.options import Options
from kilonova_driver_qemu.orders import as_driver_error, bury, check_order
from kilonova_driver_qemu.patience import Patience
from kilonova_driver_qemu.pinning import pin
from kilonova_driver_qemu.process import (
    Identity,
    Watch,
    describe_status,
    find_holder,
    identify,
    is_alive,
    is_locked,
)
from kilonova_driver_qemu.record import (
    Record,
    Stage,
    Tombstone,
    load_record,
    remembered,
    save_record,
)
from kilonova_driver_qemu.recovering import how_it_ended, reconnect
from kilonova_driver_qemu.running import GONE, SHUT_DOWN, Running

log = logging.getLogger(__name__)

T = TypeVar("T")
#: A guest that sleeps through the power button is asked again after this long.
ASK_AGAIN_SECONDS = 10.0

_POWER = {
    "running": Power.ON,
    "suspended": Power.ON,
    SHUT_DOWN: Power.OFF,
    "guest-panicked": Power.CRASHED,
    "internal-error": Power.CRASHED,
}
_REASONS = {
    "io-error": "halted because its host could not write",
    "guest-panicked": "its kernel panicked",
    "internal-error": "QEMU had an internal error",
}


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What all guests of one driver share."""

    files: StateFiles
    options: Options
    #: Waits for the accelerator to be known. Raises Internal when QEMU is not installed.
    host: Callable[[], Awaitable[Host]]
    announce: Callable[[GuestEvent], None]


class LocalGuest:
    """See the module. Made for a guest that exists, or is about to."""

    def __init__(self, guest_id: str, house: House) -> None:
        self.guest_id = guest_id
        self.files: GuestFiles = house.files.guest(guest_id)
        self.gone = False
        self._house = house
        self._record = Record(guest_id=guest_id, generation=0)
        self._running: Running | None = None
        self._told: tuple[Power, str] | None = None
        #: The generation of the order being obeyed: whatever is written on its behalf carries it.
        self._obeying = 0
        self._jobs: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._asked: set[asyncio.Future[Any]] = set()
        self._patience = Patience()
        self._writer = asyncio.create_task(self._write())

    # -- looking ------------------------------------------------------------------------------------------------

    @property
    def spec(self) -> GuestSpec | None:
        return self._record.spec

    def look(self) -> Guest:
        """Say how the guest is, from what is known; no waiting."""
        record, power, reason = self._record, *self._condition()
        handle = msgspec.json.encode({"version": record.version, "process": record.process})
        return Guest(
            guest_id=self.guest_id,
            generation=record.generation,
            power=power,
            handle=handle,
            reason=reason,
            started_at=record.started_at if self._running else None,
        )

    def _condition(self) -> tuple[Power, str]:
        running, record = self._running, self._record
        if record.stage is not Stage.MADE and running is None:
            return Power.OFF, record.reason or f"half made: stopped while {record.stage}"
        if running is None:
            return record.resting, record.reason
        if running.status == GONE:
            return (Power.OFF, "") if record.expected_end else (Power.CRASHED, describe_status(running.watch.status))
        reason = _REASONS.get(running.status, "")
        if running.status == "io-error" and running.disk_trouble:
            reason = f"{reason} ({running.disk_trouble})"
        return _POWER.get(running.status, Power.PAUSED), reason

    def has_files(self) -> bool:
        return self.files.home.exists()

    def need_running(self) -> Running:
        """Give the living process. Raises Conflict when there is none."""
        running = self._running
        if running is None or running.status in (GONE, SHUT_DOWN):
            raise Conflict(f"guest {self.guest_id} is off")
        return running

    # -- the writer task ----------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            job = await self._jobs.get()
            try:
                await job()
            except Exception as error:  # noqa: BLE001 - a job without an asker: told here, and the writer goes on
                log.warning("guest %s: %s", self.guest_id, error)
            self._tell()

    def _tell(self) -> None:
        condition = self._condition()
        if condition == self._told or self.gone:
            return
        first, self._told = self._told is None, condition
        if not first or condition[0] is not Power.OFF:
            event = GuestEvent(guest_id=self.guest_id, power=condition[0], at=time.time(), reason=condition[1])
            self._house.announce(event)

    async def _in_turn(self, work: Callable[[], Awaitable[T]], *, urgent: bool = False) -> T:
        """Have the writer do a job; it is done to its end even if the asker is cancelled. An urgent one ends waits."""
        if self._writer.done():
            raise Transient(f"guest {self.guest_id}: the driver has been closed")
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.add(result)
        result.add_done_callback(self._asked.discard)
        result.add_done_callback(lambda _: self._patience.look())

        async def job() -> None:
            self._patience.its_turn(result, urgent=urgent)
            try:
                value = await work()
            except Exception as error:  # noqa: BLE001 - handed to the asker, whatever it is; the writer goes on
                if not result.done():
                    result.set_exception(as_driver_error(error))
            else:
                if not result.done():
                    result.set_result(value)

        if urgent:
            self._patience.urgent()
        self._jobs.put_nowait(job)
        return await result

    def _process_changed(self) -> None:
        self._jobs.put_nowait(self._settle)

    async def _settle(self) -> None:
        """Write down what happened to the process by itself."""
        running = self._running
        if running is None:
            return
        if running.status == SHUT_DOWN:
            await self._end_process(quickly=False)
        elif running.status == GONE:
            power, reason = self._condition()
            await self._forget_process(power, reason)

    def _save(self, **changes: object) -> None:
        """Write the record with these changes; raises OSError, and then nothing has changed."""
        record = self._with(changes)
        if record != self._record:
            save_record(self.files.record, record)
            self._record = record

    def _note(self, **changes: object) -> None:
        """Like ``_save``, but a record that cannot be written is no reason not to stop or remove a guest.

        On a full disk that is just what helps. A later driver finds the older record, and the lock tells it the rest.
        """
        try:
            self._save(**changes)
        except OSError as error:
            log.warning("the record of guest %s cannot be written: %s", self.guest_id, error)
            self._record = self._with(changes)

    def _with(self, changes: dict[str, object]) -> Record:
        record = msgspec.structs.replace(self._record, **changes)
        return msgspec.structs.replace(record, generation=max(record.generation, self._obeying))

    # -- finding it again ---------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Take over what an earlier driver left, running or not."""
        await self._in_turn(self._recover)

    async def _recover(self) -> None:
        self._record = load_record(self.files.record) or self._record
        self._told = None
        if is_locked(self.files.lock) and await self._attach():
            self._told = self._condition()
            return
        record = self._record
        if record.process is not None:
            resting, reason = how_it_ended(record)
            self._note(process=None, resting=resting, reason=reason, started_at=None, expected_end=False)
        self._told = self._condition()

    async def _attach(self) -> bool:
        identity = self._record.process
        if identity is None or not is_alive(identity):
            holder = find_holder(self.files.lock)
            identity = identify(holder) if holder is not None else None
        if identity is None:
            return False
        watch = Watch(identity)
        monitor, status = await reconnect(self.files, identity.pid, self._record.spec)
        self._running = running = Running(watch, monitor, self.files.monitor, self._process_changed)
        running.status = status
        self._save_process(identity)
        if monitor is not None and self._record.stage is not Stage.REMOVING:
            # Whoever wanted it to end has died before it did: what happens from now on happens by itself.
            self._note(expected_end=False)
        if running.status == SHUT_DOWN:
            self._process_changed()
        return True

    def _save_process(self, identity: Identity) -> None:
        started = self._record.started_at if self._record.process == identity else None
        if self._record.spec is not None:
            self._note(process=identity, started_at=started or time.time())

    # -- orders -------------------------------------------------------------------------------------------------

    async def obey(self, order: Order, work: Callable[[], Awaitable[None]], *, urgent: bool = False) -> Guest:
        """Do an order once. Raises Stale for an old one, GuestNotFound when the guest went meanwhile."""

        async def job() -> Guest:
            if self.gone:
                raise GuestNotFound(f"guest {self.guest_id} has been removed")
            if order.operation_id in self._record.operations:
                return self.look()
            check_order(self.guest_id, order, self._record.generation)
            self._obeying = order.generation
            try:
                await work()
                self._note(operations=remembered(self._record.operations, order.operation_id))
            finally:
                self._obeying = 0
            return self.look()

        return await self._in_turn(job, urgent=urgent and self._counts(order))

    def _counts(self, order: Order) -> bool:
        """Whether an order will have an effect when its turn comes: one that is refused must change nothing."""
        if self.gone or order.operation_id in self._record.operations:
            return False
        with contextlib.suppress(DriverError):
            check_order(self.guest_id, order, max(self._record.generation, self._obeying))
            return True
        return False

    async def ensure(self, order: Order, spec: GuestSpec, power: PowerTarget) -> Guest:
        async def work() -> None:
            if self._record.stage is Stage.REMOVING:
                raise Conflict(f"guest {self.guest_id} is being removed")
            if self._record.stage is Stage.MADE and self._record.spec is not None:
                await self._change(self._record.spec, spec)
            else:
                await self._make(spec)
            if power is PowerTarget.ON:
                await self._turn_on()
            else:
                await self._turn_off(Mode.FORCE, 0.0)

        return await self.obey(order, work)

    async def _make(self, spec: GuestSpec) -> None:
        check_readable(spec)
        for disk in spec.disks:
            disk_bytes(disk)
        if self._record.spec != spec and self.files.disks.exists():
            await asyncio.to_thread(shutil.rmtree, self.files.disks)
        self.files.home.mkdir(mode=0o700, exist_ok=True)
        self._save(spec=spec, stage=Stage.MAKING, reason="")
        self.files.disks.mkdir(mode=0o700, exist_ok=True)
        binary = self._house.options.qemu_img_binary
        try:
            await asyncio.gather(*(make_disk(binary, self.files.disk(disk.name), disk) for disk in spec.disks))
        except DriverError as error:
            self._note(reason=error.message)
            raise
        self._save(stage=Stage.MADE)

    async def _change(self, old: GuestSpec, new: GuestSpec) -> None:
        for disk in check_change(old, new, runs=self._running is not None):
            size = disk_bytes(disk)
            if self._running is None:
                await grow_disk(self._house.options.qemu_img_binary, self.files.disk(disk.name), size)
            else:
                await self._running.ask("block_resize", {"node-name": disk.name, "size": size})
        self._save(spec=new)
        if self._running is not None and old.layout != new.layout:
            await pin(self._running, self._running.pid, new.layout)

    async def set_power(self, order: Order, target: PowerTarget, mode: Mode, grace_seconds: float) -> Guest:
        async def work() -> None:
            self._need_made()
            if target is PowerTarget.ON:
                await self._turn_on()
            else:
                await self._turn_off(mode, grace_seconds)

        urgent = target is PowerTarget.OFF and mode is Mode.FORCE
        return await self.obey(order, work, urgent=urgent)

    async def reboot(self, order: Order, mode: Mode, grace_seconds: float) -> Guest:
        async def work() -> None:
            self._need_made()
            await self._turn_off(mode, grace_seconds)
            await self._turn_on()

        return await self.obey(order, work, urgent=mode is Mode.FORCE)

    async def pause(self, order: Order) -> Guest:
        return await self.obey(order, lambda: self._halt_or_go("stop", Power.PAUSED))

    async def unpause(self, order: Order) -> Guest:
        return await self.obey(order, lambda: self._halt_or_go("cont", Power.ON))

    async def _halt_or_go(self, command: str, wished: Power) -> None:
        running = self.need_running()
        if self._condition()[0] is not wished:
            await running.order(command)

    def _need_made(self) -> None:
        if self._record.stage is not Stage.MADE:
            raise Conflict(f"guest {self.guest_id} is only half made")

    # -- the process --------------------------------------------------------------------------------------------

    async def _turn_on(self) -> None:
        await self._settle()
        if self._running is not None and self._condition()[0] is Power.CRASHED:
            await self._end_process(quickly=True)  # it has halted for good, and only its process is left
        if self._running is not None:
            power, reason = self._condition()
            if power is not Power.ON:
                raise Conflict(f"guest {self.guest_id} is {power}{': ' if reason else ''}{reason}")
            return
        if self._record.spec is None:
            raise Internal(f"guest {self.guest_id} has no readable record in {self.files.record}")
        await self._start(self._record.spec)

    async def _start(self, spec: GuestSpec) -> None:
        self._record = msgspec.structs.replace(self._record, resting=Power.OFF, reason="", expected_end=False)
        host = await self._house.host()
        try:
            seconds = self._house.options.start_seconds
            watch, monitor = await launch(spec, self.files, host, seconds, self._save_process)
        except DriverError as error:
            self._note(process=None, started_at=None, reason=error.message)
            raise
        self._running = Running(watch, monitor, self.files.monitor, self._process_changed)

    async def _turn_off(self, mode: Mode, grace_seconds: float) -> None:
        await self._settle()
        running = self._running
        if running is None:
            self._note(resting=Power.OFF, reason="")
            return
        self._note(expected_end=True)
        if mode is Mode.GRACEFUL and running.status == "running":
            await self._ask_to_shut_down(running, grace_seconds)
        await self._end_process(quickly=False)

    async def _ask_to_shut_down(self, running: Running, grace_seconds: float) -> None:
        """Press the power button until the guest is down or the time is over. Raises Stale, Transient: told to stop."""
        ends = time.monotonic() + grace_seconds
        while (left := ends - time.monotonic()) > 0:
            try:
                await running.ask("system_powerdown")
            except DriverError:
                return
            try:
                down = running.until((SHUT_DOWN,), min(left, ASK_AGAIN_SECONDS))
                if await self._patience.wait(self.guest_id, down):
                    return
            except DriverError:
                self._note(expected_end=False)
                raise

    async def _end_process(self, *, quickly: bool) -> None:
        running = self._running
        if running is None:
            return
        self._note(expected_end=True)
        if not await running.end(quickly=quickly):
            raise Transient(f"process {running.pid} of guest {self.guest_id} does not end, even by force")
        await self._forget_process(Power.OFF, "")

    async def _forget_process(self, resting: Power, reason: str) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.close()
        if self._record.spec is not None:
            BUS.release(self._record.spec.devices)
            self._note(process=None, started_at=None, expected_end=False, resting=resting, reason=reason)

    # -- its end ------------------------------------------------------------------------------------------------

    async def remove(self, order: Order) -> None:
        """Make the guest be gone: its process, its files, its record. Raises Stale."""

        async def job() -> None:
            if self.gone:
                return
            check_order(self.guest_id, order, self._record.generation)
            if self._record.spec is not None:
                self._note(stage=Stage.REMOVING, generation=order.generation, expected_end=True)
            await self._end_process(quickly=True)
            if is_locked(self.files.lock):
                raise Transient(f"a process of guest {self.guest_id} still lives; its files stay until it is gone")
            done = remembered(self._record.operations, order.operation_id)
            bury(self._house.files, Tombstone(guest_id=self.guest_id, generation=order.generation, operations=done))
            await asyncio.to_thread(_remove_files, self.files)
            self.gone = True

        await self._in_turn(job, urgent=self._counts(order))

    async def close(self) -> None:
        """Let go of the guest without touching it."""
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)
        for result in [asked for asked in self._asked if not asked.done()]:
            result.set_exception(Transient(f"guest {self.guest_id}: the driver was closed before this was done"))
        if self._running is not None:
            await self._running.close()


def _remove_files(files: GuestFiles) -> None:
    # The disks go first: as long as there is one, a new driver finds the record that says whose it is.
    if files.disks.exists():
        shutil.rmtree(files.disks)
    shutil.rmtree(files.home)
