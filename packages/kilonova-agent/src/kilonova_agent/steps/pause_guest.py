"""Freeze a guest, where the driver has the talent."""

from __future__ import annotations

from kilonova_driver.driver import Pauses
from kilonova_driver.errors import Unsupported
from kilonova_driver.types.guests import Guest
from kilonova_messages.steps import PauseGuest

from kilonova_agent.steps.work import Host, Work


async def pause_guest(host: Host, work: Work, _step: PauseGuest) -> Guest:
    with work.phase("driver"):
        return await pausing(host).pause(work.order, work.guest_id)


def pausing(host: Host) -> Pauses:
    """The driver, if it can pause guests. Raises Unsupported."""
    if "pause" not in host.capabilities.talents or not isinstance(host.driver, Pauses):
        raise Unsupported(f"the driver {host.capabilities.name} cannot pause guests")
    return host.driver
