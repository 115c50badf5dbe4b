"""Which function runs which step."""

from __future__ import annotations

from kilonova_driver.types.guests import Guest
from kilonova_messages.steps import (
    EnsureGuest,
    HostStep,
    PauseGuest,
    RebootGuest,
    RemoveGuest,
    StopGuest,
    UnpauseGuest,
)

from kilonova_agent.steps.ensure_guest import ensure_guest
from kilonova_agent.steps.pause_guest import pause_guest
from kilonova_agent.steps.reboot_guest import reboot_guest
from kilonova_agent.steps.remove_guest import remove_guest
from kilonova_agent.steps.stop_guest import stop_guest
from kilonova_agent.steps.unpause_guest import unpause_guest
from kilonova_agent.steps.work import Host, Work


async def run_step(host: Host, work: Work, step: HostStep) -> Guest | None:
    """The guest at the end; None when it is gone."""
    match step:
        case EnsureGuest():
            return await ensure_guest(host, work, step)
        case StopGuest():
            return await stop_guest(host, work, step)
        case RebootGuest():
            return await reboot_guest(host, work, step)
        case PauseGuest():
            return await pause_guest(host, work, step)
        case UnpauseGuest():
            return await unpause_guest(host, work, step)
        case RemoveGuest():
            await remove_guest(host, work, step)
            return None
