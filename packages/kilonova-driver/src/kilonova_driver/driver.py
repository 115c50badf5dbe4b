"""The contract between the agent and a driver: a small duty, and optional talents.

Rules that the conformance kit checks on any driver:

1. Ensure semantics: what is already so is success; removing what is gone is success.
2. The same operation id gives the same result, never a second effect. A lower generation gives ``Stale``, also to an
   ensure that comes after the guest's removal (a late message must not bring it back). A passed deadline gives
   ``Transient``. A refused order changes nothing. All this holds also after the driver was killed and made anew.
3. Only the errors of :mod:`kilonova_driver.errors` leave a driver. ``Unsupported`` is illegal for an advertised talent.
4. Guests outlive the driver: after the process was killed, a new driver on the same ``state_dir`` finds them all,
   running ones still running, and half-made ones removable.
5. Any call may be cancelled. A stop or reboot that waits for the guest to shut down lets go of it then, and leaves the
   guest to the next order: a removal never waits for a grace.
6. A driver never calls the controller, a database or another service; everything it needs is in the spec.

A driver is found by its entry point in the group ``kilonova.drivers``: a callable that takes ``DriverSettings`` and
returns a ``Driver``. It may be called for several operations at once, but never for two on the same guest.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from kilonova_driver.types.guests import Diagnostics, Guest, GuestEvent, GuestSpec
from kilonova_driver.types.inventory import Capabilities, Inventory
from kilonova_driver.types.orders import Order

#: The version of this contract: the first number changes when an old driver stops working.
CONTRACT_VERSION = (1, 0)


class PowerTarget(enum.StrEnum):
    """Where ``set_power`` shall bring a guest."""

    ON = "on"
    OFF = "off"


class Mode(enum.StrEnum):
    """Whether the guest is asked, or not."""

    GRACEFUL = "graceful"  # asked by ACPI, then forced when ``grace_seconds`` are over
    FORCE = "force"


class Driver(Protocol):
    """The duty of every driver."""

    async def start(self) -> None:
        """Find the guests that live already; be ready for calls."""

    async def close(self) -> None:
        """Let go of everything without touching guests."""

    def capabilities(self) -> Capabilities:
        """Say who the driver is and which talents it has; never changes while it lives."""

    async def inventory(self) -> Inventory:
        """Say what this host can give to guests, in all (not what is free)."""

    async def list_guests(self) -> tuple[Guest, ...]:
        """Name every guest of this driver's ``state_dir``, running or not, half-made ones included."""

    async def get_guest(self, guest_id: str) -> Guest:
        """Look at one guest. Raises GuestNotFound."""

    async def ensure_guest(self, order: Order, spec: GuestSpec, power: PowerTarget) -> Guest:
        """Make the guest exist as the spec says, with that power. Raises Conflict for an immutable difference."""

    async def set_power(
        self, order: Order, guest_id: str, target: PowerTarget, mode: Mode, grace_seconds: float
    ) -> Guest:
        """Bring the guest up or down. Raises GuestNotFound. Turning on a paused guest is a Conflict."""

    async def reboot(self, order: Order, guest_id: str, mode: Mode, grace_seconds: float) -> Guest:
        """Start the guest afresh; one that is off is turned on. Raises GuestNotFound."""

    async def remove_guest(self, order: Order, guest_id: str) -> None:
        """Make the guest and all its local disks be gone; gone already is success."""

    async def console_log(self, guest_id: str, max_bytes: int) -> bytes:
        """Give the last ``max_bytes`` of what the guest wrote on its serial console. Raises GuestNotFound."""

    def events(self) -> AsyncIterator[GuestEvent]:
        """Tell what happens to guests, as it happens, until the driver is closed. One reader."""


@runtime_checkable
class Pauses(Protocol):
    """The talent ``pause``."""

    async def pause(self, order: Order, guest_id: str) -> Guest:
        """Freeze the guest; frozen already is success. Raises GuestNotFound, Conflict when it is off."""

    async def unpause(self, order: Order, guest_id: str) -> Guest:
        """Let it go on; running already is success. Raises GuestNotFound, Conflict when it is off."""


@runtime_checkable
class Diagnoses(Protocol):
    """The talent ``diagnostics``."""

    async def diagnostics(self, guest_id: str) -> Diagnostics:
        """Measure the guest now. Raises GuestNotFound, Conflict when it is off."""


#: Each talent's name in ``Capabilities.talents``, and the protocol that a driver with it fulfils.
TALENTS: dict[str, type] = {"pause": Pauses, "diagnostics": Diagnoses}
