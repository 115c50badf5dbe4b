"""What hosts say, written down: heartbeats, inventories, guests, the outcomes of steps.

A server's power follows its guest only while no action runs on it. A guest that turned itself off makes its server
SHUTOFF; one that its host took down with itself (``host_stopped``) is started again; one that is gone puts its
server in ERROR.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import Conflict, Unavailable
from kilonova_kit.http.identity import Identity
from kilonova_kit.ids import new_request_id
from kilonova_messages.reports import (
    GuestEventReport,
    GuestsReport,
    GuestState,
    Heartbeat,
    HostReport,
    ImagesReport,
    MetadataQuestion,
    Receipt,
)
from kilonova_messages.steps import StepReport

from kilonova_compute.actions.guest_wishes import metadata_of
from kilonova_compute.actions.sweep_guest import sweep_guest
from kilonova_compute.app import servers as app
from kilonova_compute.app.compute import Compute
from kilonova_compute.cells.cells import Cell
from kilonova_compute.model.hosts import Host, believable_images
from kilonova_compute.model.servers import POWER_OF_GUEST, Fault, Server, VmState
from kilonova_compute.store import actions as action_store
from kilonova_compute.store import hosts as host_store
from kilonova_compute.store import servers as store

log = logging.getLogger(__name__)

#: A clock that is off by more than this is told to operators.
_SKEW_SECONDS = 10.0

#: What a guest's power makes of a server that nobody acts upon.
_SETTLED = {"on": VmState.ACTIVE, "off": VmState.STOPPED, "paused": VmState.PAUSED, "crashed": VmState.STOPPED}
_LIVING = frozenset({VmState.ACTIVE, VmState.STOPPED, VmState.PAUSED})

#: Who starts guests again after their host was down.
_SYSTEM = Identity(user_id="kilonova", roles=frozenset({"admin", "service"}))


class HostReports:
    """The Listener of the control plane."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    async def step_reported(self, cell: str, host_id: str, report: StepReport) -> Receipt:
        return await self._compute.engine.step_reported(self._compute.cells.get(cell), host_id, report)

    async def heart_beats(self, cell: str, host_id: str, beat: Heartbeat) -> Receipt:
        now = self._compute.clock()

        before = 0.0

        def heard(host: Host) -> Host:
            nonlocal before
            before = host.clock_skew
            return msgspec.structs.replace(
                host,
                heard_at=now,
                started_at=beat.started_at,
                boot_id=beat.boot_id,
                agent_version=beat.agent_version,
                clock_skew=beat.clock - now,
            )

        known = await self._change_host(cell, host_id, heard)
        if known is not None:
            _tell_clock(known, before)
        return Receipt(refused="" if known else "unknown")

    async def host_reported(self, cell: str, host_id: str, report: HostReport) -> Receipt:
        now = self._compute.clock()

        def described(host: Host) -> Host:
            return msgspec.structs.replace(
                host,
                heard_at=now,
                address=report.address,
                capabilities=msgspec.to_builtins(report.capabilities),
                inventory=msgspec.to_builtins(report.inventory),
            )

        known = await self._change_host(cell, host_id, described)
        if known is None:
            return Receipt(refused="unknown")
        rules = self._compute.aggregates.rules_of(known.name)
        await self._compute.placement.report_host(known, report.inventory, rules)
        return Receipt()

    async def images_reported(self, cell: str, host_id: str, report: ImagesReport) -> Receipt:
        """Placement keeps it. While it does not know the host yet there is no receipt: the host says it again."""
        known = await self._compute.cells.get(cell).database.read(lambda tx: host_store.find(tx, host_id))
        if known is None:
            return Receipt(refused="unknown")
        if not await self._compute.placement.set_images(host_id, believable_images(report.images)):
            raise Unavailable(f"placement does not know host {known.name} yet")
        return Receipt()

    async def _change_host(self, cell: str, host_id: str, how: Callable[[Host], Host]) -> Host | None:
        database = self._compute.cells.get(cell).database
        try:
            changed = await database.write(lambda tx: host_store.change(tx, host_id, how))
        except Unavailable:
            if known := self._compute.hosts.get(host_id):  # it was heard, though that could not be written down
                self._compute.hosts[host_id] = how(known)
            raise
        if changed is not None:
            self._compute.hosts[host_id] = changed
        return changed

    # --- guests

    async def guests_reported(self, cell: str, host_id: str, report: GuestsReport) -> Receipt:
        """Compare what the host has with what it should have."""
        where = self._compute.cells.get(cell)
        expected = {server.id: server for server in await where.database.read(lambda tx: store.on_host(tx, host_id))}
        for guest in report.guests:
            server = expected.pop(guest.guest_id, None)
            if server is not None:
                if _needs_settling(server, guest):
                    await self._settle(where, host_id, guest)
            elif await self._is_stray(where, host_id, guest):
                await sweep_guest(self._compute.links, cell, host_id, guest, self._compute.clock())
        host = self._compute.hosts.get(host_id)
        taken_at = report.taken_at - (host.clock_skew if host else 0.0)  # by our clock, as all that servers say
        for server in expected.values():
            await self._lose(where, server, taken_at)
        return Receipt()

    async def guest_changed(self, cell: str, host_id: str, report: GuestEventReport) -> Receipt:
        await self._settle(self._compute.cells.get(cell), host_id, report.guest)
        return Receipt()

    async def _is_stray(self, cell: Cell, host_id: str, guest: GuestState) -> bool:
        """No live server of this host, and no action that may be about to make it one."""

        def read(tx: Connection) -> bool:
            if action_store.lock_holder(tx, guest.guest_id) is not None:
                return False
            server = store.find(tx, guest.guest_id)
            return server is None or server.deleted or server.host_id != host_id

        return await cell.database.read(read)

    async def _settle(self, cell: Cell, host_id: str, guest: GuestState) -> None:
        """Let the server follow its guest's power, if nobody acts upon it."""
        start_again = False

        def follow(server: Server) -> Server:
            nonlocal start_again
            if server.host_id != host_id or server.vm_state not in _LIVING or server.task_state is not None:
                return server
            if guest.power == "off" and guest.reason == "host_stopped" and server.vm_state is VmState.ACTIVE:
                start_again = True
                return server
            return _followed(server, guest, self._compute.clock())

        def write(tx: Connection) -> Server | None:
            nonlocal start_again
            start_again = False
            if action_store.lock_holder(tx, guest.guest_id) is not None:
                return None
            return store.change(tx, guest.guest_id, follow)

        server = await cell.database.write(write)
        self._compute.announce(cell)
        if start_again and server is not None:
            with contextlib.suppress(Conflict):  # somebody has begun to act upon it since
                await app.start_again(self._compute, _SYSTEM, server, new_request_id())

    async def _lose(self, cell: Cell, server: Server, taken_at: float) -> None:
        """The host does not have the guest of a server that should be there."""

        def lost(found: Server) -> Server:
            if found.vm_state not in _LIVING or found.task_state is not None or found.updated_at >= taken_at - 5.0:
                return found
            now = self._compute.clock()
            words = f"The guest of server {found.id} is gone from its host."
            fault = Fault(code=500, message=words, created_at=now, details="guest_lost")
            return msgspec.structs.replace(found, vm_state=VmState.ERROR, fault=fault, updated_at=now)

        def write(tx: Connection) -> None:
            if action_store.lock_holder(tx, server.id) is None:
                store.change(tx, server.id, lost)

        await cell.database.write(write)
        self._compute.announce(cell)

    async def metadata_asked(self, cell: str, host_id: str, question: MetadataQuestion) -> Receipt:
        database = self._compute.cells.get(cell).database
        server = await database.read(lambda tx: store.find(tx, question.server_id))
        if server is None or server.deleted or server.host_id != host_id:
            return Receipt(refused="not_yours")
        return Receipt(metadata=metadata_of(server))


def _tell_clock(host: Host, before: float) -> None:
    """Say that a host's clock has become wrong, or right again; ``before``: by how many seconds it was off."""
    was_wrong, is_wrong = abs(before) > _SKEW_SECONDS, abs(host.clock_skew) > _SKEW_SECONDS
    if is_wrong and not was_wrong:
        log.warning("the clock of host %s is off by %.0f seconds", host.name, host.clock_skew)
    elif was_wrong and not is_wrong:
        log.info("the clock of host %s is right again", host.name)


def _followed(server: Server, guest: GuestState, now: float) -> Server:
    vm_state = _SETTLED.get(guest.power, server.vm_state)
    power = POWER_OF_GUEST.get(guest.power, server.power)
    if (vm_state, power) == (server.vm_state, server.power):
        return server
    return msgspec.structs.replace(server, vm_state=vm_state, power=power, updated_at=now)


def _needs_settling(server: Server, guest: GuestState) -> bool:
    """Whether the record and the guest differ, before anything is locked: nearly always they agree."""
    went_down_with_host = guest.power == "off" and guest.reason == "host_stopped" and server.vm_state is VmState.ACTIVE
    return went_down_with_host or _followed(server, guest, server.updated_at) != server
