"""Limits that the identity service keeps, by nova's names for unified limits (nova, limit/).

    servers               servers of a project; without a registered limit there may be none
    class:<CLASS>         what the claims of a project hold of a resource class
    server_metadata_items, server_injected_files, server_injected_file_content_bytes,
    server_injected_file_path_bytes, server_key_pairs, server_groups, server_group_members

What has no registered limit is not limited. Quota sets show what holds; to set or delete them has no effect, as nova's
driver for unified limits answers. Use is a sum: over the server index, and over the claims.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kilonova_kit.database import Connection
from kilonova_kit.errors import QuotaExceeded

from kilonova_compute.app.compute import Compute, Limits
from kilonova_compute.external.identity import IdentityLimits, KeptLimits
from kilonova_compute.model.requests import ServerRequest
from kilonova_compute.store import index as index_store
from kilonova_compute.store import quotas as quota_store
from kilonova_compute.store import requests as request_store
from kilonova_compute.store import server_groups as group_store

_SERVERS, _CLASS = "servers", "class:"
#: Our names of quotas, and what the identity service knows them as.
_NAMES = {
    "instances": _SERVERS,
    "cores": "class:VCPU",
    "ram": "class:MEMORY_MB",
    "metadata_items": "server_metadata_items",
    "injected_files": "server_injected_files",
    "injected_file_content_bytes": "server_injected_file_content_bytes",
    "injected_file_path_bytes": "server_injected_file_path_bytes",
    "key_pairs": "server_key_pairs",
    "server_groups": "server_groups",
    "server_group_members": "server_group_members",
}


def _limit(kept: KeptLimits, resource: str) -> int:
    """-1 is none."""
    found = kept.of(resource)
    if found is None:
        return 0 if resource == _SERVERS else -1
    return found


async def limits_of(keeper: IdentityLimits, project_id: str | None) -> Limits:
    """What holds for a project, or for one of which nothing is said. Raises Unavailable."""
    kept = await keeper.of(project_id)
    return Limits(**{name: _limit(kept, resource) for name, resource in _NAMES.items()})


async def used(compute: Compute, project_id: str) -> dict[str, int]:
    """What is in use of the quotas that are counted."""

    def read(tx: Connection) -> tuple[int, int]:
        return index_store.usage(tx, project_id)[0], group_store.count(tx, project_id)

    claimed = await compute.placement.claimed_by(project_id)
    servers, groups = await compute.cells.database.read(read)
    amounts = {"cores": claimed.get("VCPU", 0), "ram": claimed.get("MEMORY_MB", 0)}
    return {"instances": servers, **amounts, "server_groups": groups}


async def most_that_fit(
    compute: Compute, kept: KeptLimits, project_id: str, resources: Mapping[str, int], least: int, most: int
) -> int:
    """How many alike a project may still have, up to ``most``. Raises QuotaExceeded for fewer than ``least``."""
    have = {_CLASS + name: amount for name, amount in (await compute.placement.claimed_by(project_id)).items()}
    have[_SERVERS] = (await compute.cells.database.read(lambda tx: index_store.usage(tx, project_id)))[0]
    each = {_SERVERS: 1, **{_CLASS + name: amount for name, amount in resources.items()}}
    room = most
    for resource, amount in each.items():
        if (limit := _limit(kept, resource)) >= 0:
            room = min(room, max(0, limit - have.get(resource, 0)) // amount)
    if room < least:
        raise _over(project_id, kept, have, {resource: amount * most for resource, amount in each.items()})
    return room


def check_servers(tx: Connection, kept: KeptLimits, asked: Sequence[ServerRequest], now: float) -> None:
    """Raise QuotaExceeded for more servers than there may be, with nobody else asking; those on their way count.

    To be called where the requests are about to be written.
    """
    project_id, limit = asked[0].project_id, _limit(kept, _SERVERS)
    if limit < 0:
        return
    quota_store.hold(tx, project_id)
    waiting = request_store.on_their_way(tx, project_id, now - request_store.WAY_SECONDS)
    have = index_store.usage(tx, project_id)[0] + len(waiting)
    if have + len(asked) > limit:
        raise _over(project_id, kept, {_SERVERS: have}, {_SERVERS: len(asked)})


async def check_claims(compute: Compute, kept: KeptLimits, asked: Sequence[ServerRequest]) -> None:
    """Raise QuotaExceeded where what was just claimed is too much, with what others claimed at the same moment."""
    project_id, ours = asked[0].project_id, Counter[str]()
    for request in asked:
        ours.update(request.amounts())
    claimed = await compute.placement.claimed_by(project_id)
    have = {_CLASS + name: amount - ours[name] for name, amount in claimed.items()}
    wanted = {_CLASS + name: amount for name, amount in ours.items()}
    if any(0 <= _limit(kept, name) < have.get(name, 0) + amount for name, amount in wanted.items()):
        raise _over(project_id, kept, have, wanted)


def _over(project_id: str, kept: KeptLimits, have: Mapping[str, int], wanted: Mapping[str, int]) -> QuotaExceeded:
    """In the words of oslo.limit, which nova hands on."""
    parts = [
        f"Resource {resource} is over limit of {limit} due to current usage {have.get(resource, 0)} and delta {delta}"
        for resource, delta in wanted.items()
        if 0 <= (limit := _limit(kept, resource)) < have.get(resource, 0) + delta
    ]
    return QuotaExceeded(f"Project {project_id} is over a limit for [{', '.join(parts)}]")


def over_one(project_id: str, name: str, limit: int, have: int, delta: int) -> QuotaExceeded:
    """The refusal of one of our quotas, in the same words."""
    kept = KeptLimits(registered={_NAMES[name]: limit})
    return _over(project_id, kept, {_NAMES[name]: have}, {_NAMES[name]: delta})
