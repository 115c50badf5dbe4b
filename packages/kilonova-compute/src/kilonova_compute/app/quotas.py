"""What a project may have: the settings, what an operator set for all, for the project, for a user in it.

Use is never counted by a counter: it is a sum over the server index and the stores, so it cannot be wrong for long.
A limit of -1 is none. Where the identity service keeps the limits (``unified_limits.py``), nothing here is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
from kilonova_kit.database import Connection
from kilonova_kit.errors import BadRequest, QuotaExceeded

from kilonova_compute.app import unified_limits
from kilonova_compute.app.compute import Compute, Limits
from kilonova_compute.model.requests import ServerRequest
from kilonova_compute.store import index as index_store
from kilonova_compute.store import quotas as store
from kilonova_compute.store import requests as request_store
from kilonova_compute.store import server_groups as group_store

#: The one class of quotas that there is: what holds for all projects without their own.
DEFAULT_CLASS = "default"
#: Quotas of the network service that nova once kept as well; nothing here looks at them.
NETWORK_QUOTAS = {"fixed_ips": -1, "floating_ips": -1, "security_groups": -1, "security_group_rules": -1}
#: What servers take of quotas.
_ROOM = ("instances", "cores", "ram")
NAMES = (*Limits.__struct_fields__, *NETWORK_QUOTAS)


class Quota(NamedTuple):
    """A limit, and how much of it is in use."""

    limit: int
    in_use: int


# --- what holds


async def limits_of(compute: Compute, project_id: str) -> Limits:
    """What holds for a project."""
    if (keeper := compute.identity_limits) is not None:
        return await unified_limits.limits_of(keeper, project_id)
    return await compute.cells.database.read(lambda tx: read_limits(tx, compute.limits, project_id))


def refusal(
    compute: Compute, project_id: str, name: str, limit: int, used: int, more: int, words: str
) -> QuotaExceeded:
    """That a project may not have so many more: in these words, or in those of unified limits where these hold."""
    if compute.identity_limits is None:
        return QuotaExceeded(words)
    return unified_limits.over_one(project_id, name, limit, used, more)


def read_limits(tx: Connection, settings: Limits, project_id: str) -> Limits:
    amounts = _amounts(tx, settings, project_id)
    return Limits(**{name: amounts[name] for name in Limits.__struct_fields__})


def _amounts(tx: Connection, settings: Limits, project_id: str | None, user_id: str = "") -> dict[str, int]:
    scopes = [(store.CLASS, DEFAULT_CLASS)]
    if project_id is not None:
        scopes.append((store.PROJECT, project_id))
        if user_id:
            scopes.append((store.USER, _user(project_id, user_id)))
    return _over(settings, store.of(tx, scopes))


def _over(settings: Limits, said: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """What was said, the later over the earlier, over the settings."""
    found = {**NETWORK_QUOTAS, **msgspec.structs.asdict(settings)}
    for amounts in said:
        found |= amounts
    return found


def _user(project_id: str, user_id: str) -> str:
    return f"{project_id}:{user_id}"


async def defaults(compute: Compute) -> dict[str, int]:
    """What holds for a project of which nothing is said."""
    if (keeper := compute.identity_limits) is not None:
        return {**NETWORK_QUOTAS, **msgspec.structs.asdict(await unified_limits.limits_of(keeper, None))}
    return await compute.cells.database.read(lambda tx: _amounts(tx, compute.limits, None))


async def shown(compute: Compute, project_id: str, user_id: str = "") -> dict[str, Quota]:
    """Every quota with its use."""
    if (keeper := compute.identity_limits) is not None:
        limits = {**NETWORK_QUOTAS, **msgspec.structs.asdict(await unified_limits.limits_of(keeper, project_id))}
        have = await unified_limits.used(compute, project_id)
        return {name: Quota(limits[name], have.get(name, 0)) for name in NAMES}

    def read(tx: Connection) -> dict[str, Quota]:
        amounts, used = _amounts(tx, compute.limits, project_id, user_id), _used(tx, project_id, user_id)
        return {name: Quota(amounts[name], used.get(name, 0)) for name in NAMES}

    return await compute.cells.database.read(read)


def _used(tx: Connection, project_id: str, user_id: str) -> dict[str, int]:
    servers, vcpus, ram = index_store.usage(tx, project_id, user_id)
    groups = group_store.count(tx, project_id)
    return {"instances": servers, "cores": vcpus, "ram": ram, "server_groups": groups}


def check_room(tx: Connection, settings: Limits, project_id: str, user_id: str, wanted: Mapping[str, int]) -> bool:
    """Whether anything of it is limited.

    Raises QuotaExceeded where the project may not have so much more, or the user's own share is spent.
    """
    return _check(tx, settings, project_id, user_id, wanted, lambda user: _used(tx, project_id, user))


async def is_limited(compute: Compute, project_id: str, user_id: str) -> bool:
    """Whether a project, or the user in it, may not have as many servers, cores or as much memory as it likes."""
    scopes = [(store.CLASS, DEFAULT_CLASS), (store.PROJECT, project_id), (store.USER, _user(project_id, user_id))]
    said = await compute.cells.database.read(lambda tx: store.of(tx, scopes))
    return any(amounts.get(name, -1) != -1 for amounts in (_over(compute.limits, said[:2]), said[2]) for name in _ROOM)


def check_again(tx: Connection, settings: Limits, asked: Sequence[ServerRequest], now: float) -> None:
    """As ``check_room``, with nobody else asking at the same moment; servers that are on their way count.

    To be called where the requests are about to be written, if anything is limited.
    """
    project_id, user_id = asked[0].project_id, asked[0].user_id
    store.hold(tx, project_id)
    waiting = request_store.on_their_way(tx, project_id, now - request_store.WAY_SECONDS)

    def used(user: str) -> dict[str, int]:
        return Counter(_used(tx, project_id, user)) + _wanted([one for one in waiting if user in ("", one.user_id)])

    _check(tx, settings, project_id, user_id, _wanted(asked), used)


def _wanted(requests: Sequence[ServerRequest]) -> Counter[str]:
    """What these servers are in quotas."""
    found: Counter[str] = Counter()
    for request in requests:
        found.update({"instances": 1, "cores": request.cores, "ram": request.ram})
    return found


def _check(
    tx: Connection,
    settings: Limits,
    project_id: str,
    user_id: str,
    wanted: Mapping[str, int],
    use: Callable[[str], Mapping[str, int]],
) -> bool:
    """Against the project's limits and the user's own; ``use`` tells what is in use of a user, or of all."""
    scopes = [(store.CLASS, DEFAULT_CLASS), (store.PROJECT, project_id), (store.USER, _user(project_id, user_id))]
    *general, own = store.of(tx, scopes)
    limited = _check_amounts(_over(settings, general), wanted, partial(use, ""))
    return (_check_amounts(own, wanted, partial(use, user_id)) if own else False) or limited


def _check_amounts(limits: Mapping[str, int], wanted: Mapping[str, int], use: Callable[[], Mapping[str, int]]) -> bool:
    """Whether anything is limited. Raises QuotaExceeded."""
    limited = {name: limits[name] for name in wanted if limits.get(name, -1) != -1}
    used = use() if limited else {}
    for name, limit in limited.items():
        if used[name] + wanted[name] > limit:
            raise QuotaExceeded(
                f"Quota exceeded for {name}: Requested {wanted[name]}, but already used {used[name]} of {limit} {name}"
            )
    return bool(limited)


# --- setting


async def put(
    compute: Compute, project_id: str, user_id: str, amounts: Mapping[str, int], *, force: bool
) -> dict[str, int]:
    """Set quotas. Without ``force``, raises BadRequest for less than is in use, or more than the project has.

    Limits that the identity service keeps are set there: nothing is changed here (as nova).
    """
    if compute.identity_limits is not None:
        return {name: quota.limit for name, quota in (await shown(compute, project_id)).items()}

    def write(tx: Connection) -> dict[str, int]:
        if not force:
            _check_settable(tx, compute.limits, project_id, user_id, amounts)
        if user_id:
            store.put(tx, store.USER, _user(project_id, user_id), amounts)
        else:
            store.put(tx, store.PROJECT, project_id, amounts)
        return _amounts(tx, compute.limits, project_id, user_id)

    return await compute.cells.database.write(write)


def _check_settable(tx: Connection, settings: Limits, project_id: str, user_id: str, wanted: Mapping[str, int]) -> None:
    used, most = _used(tx, project_id, user_id), _amounts(tx, settings, project_id)
    for name, amount in wanted.items():
        minimum = used.get(name, 0)
        if 0 <= amount < minimum:
            raise BadRequest(
                f"Quota limit {amount} for {name} must be greater than or equal to already used and reserved {minimum}."
            )
        maximum = most[name] if user_id else -1
        if maximum != -1 and (amount == -1 or amount > maximum):
            raise BadRequest(f"Quota limit {amount} for {name} must be less than or equal to {maximum}.")


async def forget(compute: Compute, project_id: str, user_id: str) -> None:
    """Back to what holds for all; for a project, of its users too."""

    def write(tx: Connection) -> None:
        if user_id:
            store.forget(tx, store.USER, _user(project_id, user_id))
            return
        store.forget(tx, store.PROJECT, project_id)
        store.forget_users(tx, project_id)

    await compute.cells.database.write(write)


async def class_amounts(compute: Compute, name: str) -> dict[str, int]:
    """What a class holds: only the default class has any force."""
    if compute.identity_limits is not None:
        return await defaults(compute)

    def read(tx: Connection) -> dict[str, int]:
        return {**NETWORK_QUOTAS, **msgspec.structs.asdict(compute.limits), **store.of(tx, [(store.CLASS, name)])[0]}

    return await compute.cells.database.read(read)


async def put_class(compute: Compute, name: str, amounts: Mapping[str, int]) -> dict[str, int]:
    if compute.identity_limits is None:
        await compute.cells.database.write(lambda tx: store.put(tx, store.CLASS, name, amounts))
    return await class_amounts(compute, name)
