"""Server groups: kept for their projects. Members are the servers that were made with the group as a hint.

Whether servers are together or apart is decided where they are claimed; here is who may join, and how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import BadRequest, Forbidden, NotFound
from kilonova_kit.http.identity import Identity
from kilonova_kit.ids import new_uuid

from kilonova_compute.app import quotas
from kilonova_compute.app.compute import Compute
from kilonova_compute.model.requests import RequestedGroup
from kilonova_compute.model.server_groups import ServerGroup
from kilonova_compute.store import quotas as quota_store
from kilonova_compute.store import server_groups as store
from kilonova_compute.store import servers as server_store

_MOST_PER_HOST = "max_server_per_host"


async def create(compute: Compute, identity: Identity, name: str, policy: str, rules: dict[str, int]) -> ServerGroup:
    """Raises QuotaExceeded."""
    if identity.project_id is None:
        raise Forbidden("A server group needs a project: use a token with a project scope.")
    group = ServerGroup(
        id=new_uuid(), name=name, policy=policy, rules=rules, project_id=identity.project_id, user_id=identity.user_id
    )

    most = (await quotas.limits_of(compute, group.project_id)).server_groups

    def write(tx: Connection) -> None:
        quota_store.hold(tx, group.project_id)
        if 0 <= most <= (have := store.count(tx, group.project_id)):
            words = "Quota exceeded, too many server groups."
            raise quotas.refusal(compute, group.project_id, "server_groups", most, have, 1, words)
        store.add(tx, group)

    await compute.cells.database.write(write)
    return group


async def find(compute: Compute, identity: Identity, group_id: str) -> ServerGroup:
    """The group with its members, as their cells know them. Raises NotFound, also for another project's."""

    def read(tx: Connection) -> ServerGroup | None:
        group = store.find(tx, group_id)
        return None if group is None else _with_members(tx, [group], compute.clock())[0]

    group = await compute.cells.database.read(read)
    if group is None or not _may_see(identity, group):
        raise NotFound(f"Instance group {group_id} could not be found.")
    return msgspec.structs.replace(group, members=await _not_deleted(compute, group.members))


async def _not_deleted(compute: Compute, members: Sequence[str]) -> tuple[str, ...]:
    """Without those that were deleted so shortly ago that the index does not know it yet."""
    gone: set[str] = set()
    by_cell = await compute.cells.database.read(lambda tx: store.by_cell(tx, members)) if members else {}
    for name, ids in by_cell.items():
        if name not in compute.unreachable_cells():
            there = await compute.cells.get(name).database.read(partial(server_store.existing, server_ids=ids))
            gone.update(set(ids) - there)
    return tuple(member for member in members if member not in gone)


def _may_see(identity: Identity, group: ServerGroup) -> bool:
    return identity.is_admin or group.project_id == identity.project_id


def _with_members(tx: Connection, groups: Sequence[ServerGroup], now: float) -> list[ServerGroup]:
    found = store.members_of(tx, [group.id for group in groups], now)
    return [msgspec.structs.replace(group, members=found[group.id]) for group in groups]


async def listed(compute: Compute, project_id: str | None, start: int, most: int) -> list[ServerGroup]:
    """A page of a project's, or of all."""
    now = compute.clock()
    return await compute.cells.database.read(
        lambda tx: _with_members(tx, store.listed(tx, project_id, start, most), now)
    )


async def delete(compute: Compute, identity: Identity, group_id: str) -> None:
    """Its members stay what they are, where they are."""
    group = await find(compute, identity, group_id)
    await compute.cells.database.write(lambda tx: store.remove(tx, group.id))


# --- joining


async def requested(compute: Compute, identity: Identity, group_id: str) -> RequestedGroup:
    """What a request says of its group. Raises BadRequest (as nova) for one that is not there, or a stranger's."""
    group = await compute.cells.database.read(lambda tx: store.find(tx, group_id))
    if group is None or not _may_see(identity, group):
        raise _unknown(group_id)
    most = group.rules.get(_MOST_PER_HOST, 0)
    return RequestedGroup(group_id=group.id, policy=group.policy, max_per_host=most)


def _unknown(group_id: str) -> BadRequest:
    return BadRequest(f"Instance group {group_id} could not be found.")


async def most_members(compute: Compute, group: RequestedGroup) -> int:
    """How many servers of one user the group may have; -1 is any number."""
    found = await compute.cells.database.read(lambda tx: store.find(tx, group.group_id))
    if found is None:
        raise _unknown(group.group_id)
    return (await quotas.limits_of(compute, found.project_id)).server_group_members


def join(tx: Connection, compute: Compute, group_id: str, most: int, user_id: str, server_ids: Sequence[str]) -> None:
    """Make servers that are about to be written members. Raises QuotaExceeded; BadRequest where the group has gone."""
    group, now, more = store.find_to_join(tx, group_id), compute.clock(), len(server_ids)
    if group is None:
        raise _unknown(group_id)
    if 0 <= most < (have := store.count_members(tx, group_id, user_id, now)) + more:
        words = "Quota exceeded, too many servers in group"
        raise quotas.refusal(compute, group.project_id, "server_group_members", most, have, more, words)
    store.join(tx, group_id, user_id, server_ids, now)


async def of_server(compute: Compute, server_id: str) -> list[str]:
    """The ids of the groups that a server is in: one, or none."""
    group_id = await compute.cells.database.read(lambda tx: store.group_of(tx, server_id))
    return [] if group_id is None else [group_id]
