"""The QEMU driver: many guests, each with its own keeper, and what they share.

Everything that concerns one guest is in ``guest.py``. Here: which guests there are, whose turn it is to be made or
forgotten, the accelerator, the events, and the bound on the console logs.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

from kilonova_driver.driver import CONTRACT_VERSION, Driver, Mode, PowerTarget
from kilonova_driver.errors import Conflict, GuestNotFound, Internal, Stale
from kilonova_driver.types.guests import Diagnostics, Feature, Guest, GuestEvent, GuestSpec
from kilonova_driver.types.inventory import Capabilities, Inventory
from kilonova_driver.types.orders import Order
from kilonova_driver.types.settings import DriverSettings

from kilonova_driver_qemu.accelerator import Accelerator, choose_accelerator, kvm_groups, qemu_version
from kilonova_driver_qemu.command_line import Host, check_spec
from kilonova_driver_qemu.console import console_tail, cut
from kilonova_driver_qemu.diagnostics import diagnose
from kilonova_driver_qemu.features import features_here
from kilonova_driver_qemu.guest import House, LocalGuest
from kilonova_driver_qemu.inventory import measure
from kilonova_driver_qemu.launching import memory_locker, resolved, rights_dropper, tap_opener
from kilonova_driver_qemu.layout import StateFiles, check_guest_id
from kilonova_driver_qemu.options import Options, find_program, read_options
from kilonova_driver_qemu.orders import bury, check_order
from kilonova_driver_qemu.record import Tombstone, forget_old_tombstones, load_tombstone

log = logging.getLogger(__name__)

NAME = "qemu"
CUT_LOGS_SECONDS = 5.0


def make_driver(settings: DriverSettings) -> Driver:
    """Make the driver (the entry point). Raises InvalidSpec for settings it does not understand."""
    return QemuDriver(settings)


class QemuDriver:
    """See the contract. Only ``start`` and ``remove_guest`` change which guests there are, and ``ensure_guest``."""

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._options: Options = read_options(settings.options)
        self._files = StateFiles(Path(settings.state_dir).absolute())
        self._features = features_here(settings.run_as)
        self._guests: dict[str, LocalGuest] = {}
        self._events: asyncio.Queue[GuestEvent | None] = asyncio.Queue()
        self._house = House(files=self._files, options=self._options, host=self._host, announce=self._events.put_nowait)
        self._accelerator: asyncio.Task[Accelerator] | None = None
        self._log_cutter: asyncio.Task[None] | None = None

    # -- itself -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        try:
            self._files.make()
            names = sorted(path.name for path in self._files.guests.iterdir() if path.is_dir())
            forget_old_tombstones(self._files.removed)
        except OSError as error:
            raise Internal(f"the state directory {self._files.root} is not usable: {error}") from error
        self._guests = {name: LocalGuest(name, self._house) for name in names}
        await asyncio.gather(*(guest.recover() for guest in self._guests.values()))
        # The probe may take seconds; nobody waits for it but the first guest to be started.
        self._accelerator = asyncio.create_task(self._choose_accelerator())
        self._log_cutter = asyncio.create_task(self._cut_logs())

    async def close(self) -> None:
        tasks = [task for task in (self._accelerator, self._log_cutter) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(guest.close() for guest in self._guests.values()))
        self._guests = {}
        self._events.put_nowait(None)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            name=NAME,
            version=version("kilonova-driver-qemu"),
            contract=CONTRACT_VERSION,
            talents=frozenset({"pause", "diagnostics"}),
            features=self._features,
        )

    async def inventory(self) -> Inventory:
        # Not from the accelerator, whose probe may still be under way.
        version = await asyncio.to_thread(qemu_version, self._program())
        return await asyncio.to_thread(measure, self._files.root, version)

    def _program(self) -> str:
        program = find_program(self._options.qemu_binary)
        if program is None:
            raise Internal(f"{self._options.qemu_binary} is not installed (apt install qemu-system-x86)")
        return program

    async def _choose_accelerator(self) -> Accelerator:
        options, dropper = self._options, self._rights_dropper()
        return await asyncio.to_thread(
            choose_accelerator, options.qemu_binary, options.accelerator, self._files.accelerator, dropper
        )

    def _rights_dropper(self) -> tuple[str, ...]:
        return rights_dropper(self._settings.run_as, kvm_groups() if self._options.accelerator != "tcg" else ())

    async def _chosen(self) -> Accelerator:
        task = self._accelerator
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            # QEMU may have been installed since it was looked for.
            task = self._accelerator = asyncio.create_task(self._choose_accelerator())
        return await asyncio.shield(task)

    async def _host(self) -> Host:
        accelerator = await self._chosen()
        options = self._options
        groups = kvm_groups() if accelerator.kind == "kvm" else ()
        return Host(
            qemu=self._program(),
            accelerator=accelerator.kind,
            machine=options.machine,
            cpu_model=options.cpu_model,
            tcg_buffer_mib=options.tcg_buffer_mib,
            sandbox=options.sandbox,
            launcher=resolved(self._settings.launcher),
            tap_opener=tap_opener(),
            memory_locker=memory_locker() if Feature.DEVICES in self._features else (),
            run_as=self._settings.run_as,
            rights_dropper=rights_dropper(self._settings.run_as, groups),
        )

    async def _cut_logs(self) -> None:
        while True:
            await asyncio.sleep(CUT_LOGS_SECONDS)
            for guest in tuple(self._guests.values()):
                try:
                    await asyncio.to_thread(cut, guest.files, self._options.console_log_bytes)
                except OSError as error:
                    log.info("the console log of guest %s cannot be cut now: %s", guest.guest_id, error)

    # -- looking ------------------------------------------------------------------------------------------------

    async def list_guests(self) -> tuple[Guest, ...]:
        return tuple(guest.look() for guest in self._guests.values())

    async def get_guest(self, guest_id: str) -> Guest:
        return self._known(guest_id).look()

    def _known(self, guest_id: str) -> LocalGuest:
        guest = self._guests.get(guest_id)
        if guest is None:
            raise GuestNotFound(f"no guest {guest_id} on this host")
        return guest

    async def console_log(self, guest_id: str, max_bytes: int) -> bytes:
        return await asyncio.to_thread(console_tail, self._known(guest_id).files, max_bytes)

    async def events(self) -> AsyncIterator[GuestEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def diagnostics(self, guest_id: str) -> Diagnostics:
        guest = self._known(guest_id)
        running, seen = guest.need_running(), guest.look()
        if guest.spec is None:
            raise Conflict(f"guest {guest_id} is only half made")
        return await diagnose(running, guest.spec, seen.power, seen.started_at)

    # -- orders -------------------------------------------------------------------------------------------------

    async def ensure_guest(self, order: Order, spec: GuestSpec, power: PowerTarget) -> Guest:
        check_spec(spec, self._features)
        guest = self._guests.get(spec.guest_id)
        if guest is None:
            self._check_buried(order, spec.guest_id)
            guest = self._guests[spec.guest_id] = LocalGuest(spec.guest_id, self._house)
        try:
            return await guest.ensure(order, spec, power)
        finally:
            await self._drop_if_nothing(guest)

    async def _drop_if_nothing(self, guest: LocalGuest) -> None:
        """Forget a guest that was refused before anything of it was written, or that is gone."""
        nothing = guest.gone or not guest.has_files()
        if nothing and self._guests.get(guest.guest_id) is guest:
            del self._guests[guest.guest_id]
            await guest.close()

    def _check_buried(self, order: Order, guest_id: str) -> None:
        stone = load_tombstone(self._files.tombstone(guest_id))
        if stone is None:
            return
        check_order(guest_id, order, stone.generation)
        if order.operation_id in stone.operations:
            raise Stale(f"guest {guest_id} has been removed since operation {order.operation_id}")

    async def set_power(
        self, order: Order, guest_id: str, target: PowerTarget, mode: Mode, grace_seconds: float
    ) -> Guest:
        return await self._known(guest_id).set_power(order, target, mode, grace_seconds)

    async def reboot(self, order: Order, guest_id: str, mode: Mode, grace_seconds: float) -> Guest:
        return await self._known(guest_id).reboot(order, mode, grace_seconds)

    async def pause(self, order: Order, guest_id: str) -> Guest:
        return await self._known(guest_id).pause(order)

    async def unpause(self, order: Order, guest_id: str) -> Guest:
        return await self._known(guest_id).unpause(order)

    async def remove_guest(self, order: Order, guest_id: str) -> None:
        check_guest_id(guest_id)
        guest = self._guests.get(guest_id)
        if guest is None:
            bury(self._files, Tombstone(guest_id=guest_id, generation=order.generation))
            return
        await guest.remove(order)
        await self._drop_if_nothing(guest)

    async def kill_guest_for_check(self, guest_id: str) -> None:
        """Let a guest die as if by itself: the conformance kit's hook, nobody else calls it."""
        self._known(guest_id).need_running().watch.send(signal.SIGKILL)
