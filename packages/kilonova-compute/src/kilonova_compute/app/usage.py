"""How long servers were there in a period, and what they had: read from the server index."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import BadRequest

from kilonova_compute.app.compute import Compute
from kilonova_compute.model.servers import Server
from kilonova_compute.store import index as store


class Period(msgspec.Struct, frozen=True):
    """From and to, in seconds since the epoch."""

    start: float
    stop: float

    def hours_of(self, server: Server) -> float:
        """How long the server was there within the period."""
        if server.launched_at is None:
            return 0.0
        stop = min(self.stop, server.terminated_at or self.stop)
        return max(0.0, stop - max(self.start, server.launched_at)) / 3600.0


class ProjectUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over a project's servers: hours, and amounts times hours."""

    project_id: str
    servers: list[Server]
    hours: float
    vcpu_hours: float
    ram_hours: float
    disk_hours: float


async def servers_in(
    compute: Compute, period: Period, project_id: str | None, marker: str | None, limit: int | None
) -> list[Server]:
    """Servers that were there within the period, the oldest first. Raises BadRequest for an unknown marker."""

    def read(tx: Connection) -> list[Server]:
        start = None if marker is None else store.find(tx, marker)
        if marker is not None and start is None:
            raise BadRequest(f"Marker {marker} could not be found.")
        return store.in_period(tx, period.start, period.stop, project_id, start, limit)

    return await compute.cells.database.read(read)


def by_project(servers: Iterable[Server], period: Period) -> list[ProjectUsage]:
    """Summed up per project, in the order of their first servers."""
    grouped: dict[str, list[Server]] = {}
    for server in servers:
        grouped.setdefault(server.project_id, []).append(server)
    return [_summed(project_id, found, period) for project_id, found in grouped.items()]


def _summed(project_id: str, servers: list[Server], period: Period) -> ProjectUsage:
    timed = [(server.flavor, period.hours_of(server)) for server in servers]
    return ProjectUsage(
        project_id=project_id,
        servers=servers,
        hours=sum(hours for _, hours in timed),
        vcpu_hours=sum(flavor.vcpus * hours for flavor, hours in timed),
        ram_hours=sum(flavor.ram * hours for flavor, hours in timed),
        disk_hours=sum((flavor.disk + flavor.ephemeral) * hours for flavor, hours in timed),
    )
