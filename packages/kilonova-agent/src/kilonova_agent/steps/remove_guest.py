"""Make a guest be gone, whatever there is of it: guest and disks, taps, config drive; the record goes last.

While anything is left the record is left too, so that a removal that was cut short is found again.
"""

from __future__ import annotations

from kilonova_messages.steps import RemoveGuest

from kilonova_agent.steps.wiring import unwire, wired
from kilonova_agent.steps.work import Host, Work


async def remove_guest(host: Host, work: Work, _step: RemoveGuest) -> None:
    """Raises StepFailure (network), DriverError; gone already is success."""
    with work.phase("driver"):
        await host.driver.remove_guest(work.order, work.guest_id)
    with work.phase("network"):
        await unwire(host.network, await ports_of(host, work.guest_id))
    host.drives.remove(work.guest_id)


async def ports_of(host: Host, guest_id: str) -> list[str]:
    """Every port of the guest that the record knows, or only the host's network."""
    record = host.records.get(guest_id)
    if record is None and not host.capabilities.needs_host_network:
        return []
    wished = record.wish.ports if record is not None and record.wish is not None else ()
    found = dict.fromkeys(port.port_id for port in wished)
    if host.capabilities.needs_host_network:
        found |= dict.fromkeys(await wired(host.network, guest_id))
    return list(found)
