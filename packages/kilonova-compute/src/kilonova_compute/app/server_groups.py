"""Server groups: kept for their projects. Members are the servers that were made with the group as a hint."""

from __future__ import annotations

from kilonova_kit.database import Connection
from kilonova_kit.errors import Forbidden, NotFound, QuotaExceeded
from kilonova_kit.http.identity import Identity
from kilonova_kit.ids import new_uuid

from kilonova_compute.app import quotas
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.server_groups import ServerGroup
from kilonova_compute.store import server_groups as store


async def create(compute: Compute, identity: Identity, name: str, policy: str, rules: dict[str, int]) -> ServerGroup:
    """Raises QuotaExceeded."""
    if identity.project_id is None:
        raise Forbidden("A server group needs a project: use a token with a project scope.")
    group = ServerGroup(
        id=new_uuid(), name=name, policy=policy, rules=rules, project_id=identity.project_id, user_id=identity.user_id
    )

    def write(tx: Connection) -> None:
        most = quotas.read_limits(tx, compute.limits, group.project_id).server_groups
        if 0 <= most <= store.count(tx, group.project_id):
            raise QuotaExceeded("Quota exceeded, too many server groups.")
        store.add(tx, group)

    await compute.cells.database.write(write)
    return group


async def find(compute: Compute, identity: Identity, group_id: str) -> ServerGroup:
    """Raises NotFound, also for another project's."""
    group = await compute.cells.database.read(lambda tx: store.find(tx, group_id))
    if group is None or not (identity.is_admin or group.project_id == identity.project_id):
        raise NotFound(f"Instance group {group_id} could not be found.")
    return group


async def listed(compute: Compute, project_id: str | None) -> list[ServerGroup]:
    """A project's, or all."""
    return await compute.cells.database.read(lambda tx: store.listed(tx, project_id))


async def delete(compute: Compute, identity: Identity, group_id: str) -> None:
    group = await find(compute, identity, group_id)
    await compute.cells.database.write(lambda tx: store.remove(tx, group.id))
