"""Guests as the controller hears of them: what the driver sees, joined with what the records know."""

from __future__ import annotations

from kilonova_driver.types.guests import Guest, Power
from kilonova_messages.reports import GuestState

from kilonova_agent.records import GuestRecord, Records
from kilonova_agent.steps.work import Host

#: The reason that lets the controller start a guest again.
HOST_STOPPED = "host_stopped"
_AT_REST = (Power.OFF, Power.CRASHED)


def guest_state(guest: Guest, records: Records) -> GuestState:
    """``generation`` is the newest that either knows, so that what answers this report is not taken for old."""
    record = records.get(guest.guest_id)
    generation = max(guest.generation, records.generation(guest.guest_id))
    if record is not None and record.host_stopped and guest.power in _AT_REST:
        return GuestState(guest_id=guest.guest_id, generation=generation, power="off", reason=HOST_STOPPED)
    return GuestState(guest_id=guest.guest_id, generation=generation, power=guest.power.value, reason=guest.reason)


async def all_guest_states(host: Host) -> tuple[GuestState, ...]:
    """Every guest of the driver, and what was only begun here: the controller says what shall become of it.

    A guest that was whole once and that the driver has no more is not here: it is lost, and must be seen to be.
    """
    guests = await host.driver.list_guests()
    found = {guest.guest_id for guest in guests}
    begun = [_begun(record) for record in host.records if not record.made and record.guest_id not in found]
    return (*(guest_state(guest, host.records) for guest in guests), *begun)


def _begun(record: GuestRecord) -> GuestState:
    return GuestState(guest_id=record.guest_id, generation=record.generation, power="off", reason="half made")
