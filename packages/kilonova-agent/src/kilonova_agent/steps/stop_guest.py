"""Turn a guest off."""

from __future__ import annotations

from kilonova_driver.driver import Mode, PowerTarget
from kilonova_driver.types.guests import Guest
from kilonova_messages.steps import StopGuest

from kilonova_agent.steps.work import Host, Work


async def stop_guest(host: Host, work: Work, step: StopGuest) -> Guest:
    """Raises DriverError; a guest that is off already is success."""
    with work.phase("driver"):
        return await host.driver.set_power(
            work.order, work.guest_id, PowerTarget.OFF, Mode(step.mode), step.grace_seconds
        )
