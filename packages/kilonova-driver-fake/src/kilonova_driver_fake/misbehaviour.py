"""Carry out the orders to misbehave: what happens before and after a call, and to guests between calls.

Invariants: a use is written down before it takes effect, and counted again after a restart; a fault that is used up
never acts again; a released fault lets every call go on that it holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kilonova_driver.errors import FAMILY
from kilonova_driver.types.guests import GuestSpec

from kilonova_driver_fake.control import FAULTS_FILE, USES_FILE, Use, add_line, read_lines
from kilonova_driver_fake.faults import PREFIX, Fault, Kind, faults_of, matches

#: The exit status of a process that died on order: as if signal 9 had ended it.
DIED_ON_ORDER = 137
SUDDEN = (Kind.CRASH, Kind.POWER_OFF)


class Misbehaviour:
    """The faults of one state directory, read again whenever their file has grown."""

    def __init__(self, state_dir: Path) -> None:
        self._faults_path = state_dir / FAULTS_FILE
        self._uses_path = state_dir / USES_FILE
        self._size = 0
        self._faults: dict[str, Fault] = {}
        self._released: dict[str, asyncio.Event] = {}
        self._used: Counter[str] = Counter(use.fault_id for use in read_lines(self._uses_path, Use))

    def refresh(self) -> None:
        """Take up what was ordered since the last look: one ``stat`` when there is nothing new."""
        try:
            size = self._faults_path.stat().st_size
        except FileNotFoundError:
            return
        if size == self._size:
            return
        self._size = size
        for fault in read_lines(self._faults_path, Fault):
            if fault.kind is Kind.RELEASE:
                self._faults.pop(fault.target, None)
                self._gate(fault.target).set()
            elif not self._gate(fault.fault_id).is_set():
                self._faults[fault.fault_id] = fault

    async def before(self, method: str, guest_id: str = "", spec: GuestSpec | None = None) -> None:
        """Refuse, wait, or die, as ordered, before the call has done anything."""
        self.refresh()
        for fault in self._acting(method, guest_id, spec):
            if fault.kind is Kind.DIE and fault.when == "before":
                self._die(fault, method, guest_id)
            elif fault.kind is Kind.BLOCK:
                self._use(fault, method, guest_id)
                await self._gate(fault.fault_id).wait()
            elif fault.kind is Kind.DELAY:
                self._use(fault, method, guest_id)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(fault.seconds):
                        await self._gate(fault.fault_id).wait()
            elif fault.kind is Kind.FAIL:
                self._use(fault, method, guest_id)
                raise FAMILY[fault.code](fault.message or f"{method} was ordered to fail ({fault.code})")

    def after(self, method: str, guest_id: str = "", spec: GuestSpec | None = None) -> None:
        """Die, if ordered, when the call has taken effect but nobody has been told."""
        for fault in self._acting(method, guest_id, spec):
            if fault.kind is Kind.DIE and fault.when == "after":
                self._die(fault, method, guest_id)

    def sudden(self) -> Iterator[Fault]:
        """What shall happen to guests now, without a call; each is given once."""
        for fault in list(self._faults.values()):
            if fault.kind in SUDDEN and not self._is_used_up(fault):
                self._use(fault, "", fault.guest_id)
                yield fault

    def _acting(self, method: str, guest_id: str, spec: GuestSpec | None) -> list[Fault]:
        own = faults_of(spec) if spec and has_orders(spec) else ()
        faults = (*self._faults.values(), *(fault for fault in own if not self._gate(fault.fault_id).is_set()))
        return [fault for fault in faults if matches(fault, method, guest_id) and not self._is_used_up(fault)]

    def _gate(self, fault_id: str) -> asyncio.Event:
        return self._released.setdefault(fault_id, asyncio.Event())

    def _is_used_up(self, fault: Fault) -> bool:
        return bool(fault.times) and self._used[fault.fault_id] >= fault.times

    def _use(self, fault: Fault, method: str, guest_id: str) -> None:
        self._used[fault.fault_id] += 1
        add_line(self._uses_path, Use(fault_id=fault.fault_id, method=method, guest_id=guest_id))

    def _die(self, fault: Fault, method: str, guest_id: str) -> None:
        self._use(fault, method, guest_id)
        os._exit(DIED_ON_ORDER)


def has_orders(spec: GuestSpec) -> bool:
    """Whether it is worth reading the spec's orders: most have none, and this is asked at every call."""
    return PREFIX in spec.name or any(key.startswith(PREFIX) for key in spec.properties)
