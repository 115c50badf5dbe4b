"""Start a guest afresh; one that is off is made so again as the wish says, taps and all.

A running guest's ports are wired first too: after its host was started again they may be gone.
"""

from __future__ import annotations

from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.types.guests import Guest, Power
from kilonova_messages.steps import RebootGuest

from kilonova_agent.steps.ensure_guest import keep_wish, make_so
from kilonova_agent.steps.wiring import wire
from kilonova_agent.steps.work import Host, Work

_DOWN = (Power.OFF, Power.CRASHED)


async def reboot_guest(host: Host, work: Work, step: RebootGuest) -> Guest:
    """Raises StepFailure, DriverError (GuestNotFound), OSError."""
    guest = await host.driver.get_guest(work.guest_id)
    if guest.power in _DOWN:
        return await make_so(host, work, step.wish, PowerTarget.ON)
    await keep_wish(host, work, step.wish)
    with work.phase("network"):
        await wire(host.network, work.guest_id, step.wish.ports)
    with work.phase("driver"):
        return await host.driver.reboot(work.order, work.guest_id, Mode(step.mode), step.grace_seconds)
