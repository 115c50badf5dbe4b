"""Hosts are in the zones that their aggregates say, although a controller died between the change and telling them.

Also keeps the view of aggregates (``compute.aggregates``) for what other controllers changed.
"""

from __future__ import annotations

import logging

from kilonova_kit.errors import NotFound, Unavailable

from kilonova_compute.app import aggregates, hosts
from kilonova_compute.app.compute import Compute

log = logging.getLogger(__name__)


async def place_hosts(compute: Compute) -> None:
    await aggregates.refresh(compute)
    dark = compute.unreachable_cells()
    for host in list(compute.hosts.values()):
        zone = aggregates.zone_of(compute, host)
        if host.zone != zone and host.cell not in dark:
            try:
                await hosts.set_place(compute, host, zone)
            except (NotFound, Unavailable) as error:  # it has just been removed, or its cell has gone away
                log.info("host %s is not in zone %s yet: %s", host.name, zone, error.message)
