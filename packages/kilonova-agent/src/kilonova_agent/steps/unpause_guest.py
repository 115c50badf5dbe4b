"""Let a frozen guest go on."""

from __future__ import annotations

from kilonova_driver.types.guests import Guest
from kilonova_messages.steps import UnpauseGuest

from kilonova_agent.steps.pause_guest import pausing
from kilonova_agent.steps.work import Host, Work


async def unpause_guest(host: Host, work: Work, _step: UnpauseGuest) -> Guest:
    with work.phase("driver"):
        return await pausing(host).unpause(work.order, work.guest_id)
