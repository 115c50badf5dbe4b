"""Make a guest exist as wished, on or off: a new server's build, and the start of one that was stopped.

The wish is written down first, so that whatever is made afterwards has a record that says whose it is.
"""

from __future__ import annotations

import msgspec
from kilonova_driver.driver import PowerTarget
from kilonova_driver.errors import GuestNotFound, InvalidSpec
from kilonova_driver.types.guests import Guest
from kilonova_messages.steps import EnsureGuest
from kilonova_messages.wishes import GuestWish

from kilonova_agent.records import GuestRecord
from kilonova_agent.steps.guest_specs import prepare
from kilonova_agent.steps.wiring import unwire, wired
from kilonova_agent.steps.work import Host, Work


async def ensure_guest(host: Host, work: Work, step: EnsureGuest) -> Guest:
    """Raises StepFailure, DriverError, OSError."""
    return await make_so(host, work, step.wish, PowerTarget(step.power))


async def make_so(host: Host, work: Work, wish: GuestWish, power: PowerTarget) -> Guest:
    before = await keep_wish(host, work, wish)
    spec = await prepare(host, work, wish)
    with work.phase("driver"):
        guest = await host.driver.ensure_guest(work.order, spec, power)
    if before is not None:
        # By what is wired, not by the wish before this one, whose own ports may still have been to go when it failed.
        kept = {port.port_id for port in wish.ports}
        await unwire(host.network, [name for name in await wired(host.network, wish.guest_id) if name not in kept])
    return guest


async def keep_wish(host: Host, work: Work, wish: GuestWish) -> GuestRecord | None:
    """Write the wish down, with what the guest gets for itself; the record before it. NoResources when that is gone.

    A guest that was whole once and is gone is not made anew.

    Its disks held what no image can give back: the loss must be seen, not painted over with an empty guest.
    """
    if wish.guest_id != work.guest_id:
        raise InvalidSpec(f"the wish is for guest {wish.guest_id}, the step for {work.guest_id}")
    before = host.records.get(work.guest_id)
    if before is not None and before.made:
        await _must_exist(host, work.guest_id)
    fresh = before or GuestRecord(guest_id=work.guest_id, generation=0)
    newest = max(fresh.generation, work.order.generation)
    given = host.resources.give(wish, before)
    host.records.put(msgspec.structs.replace(fresh, wish=wish, given=given, generation=newest))
    return before


async def _must_exist(host: Host, guest_id: str) -> None:
    try:
        await host.driver.get_guest(guest_id)
    except GuestNotFound:
        raise GuestNotFound(f"guest {guest_id} was here, but is gone with its disks") from None
