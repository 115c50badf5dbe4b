"""The proof that index and ledger agree: every generation, every sum and every group's members, compared.

And that the ledger agrees with itself: a live claim has amounts, a released one has none.

A difference is no error of its own right: another process may have written since the feed was read. So what differs is
read again; what still differs, or differs at the *same* generation, is a fault of ours: it is counted, logged at
WARNING, and mended by the re-reading itself.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import NamedTuple

import msgspec
from kilonova_kit.database import Database
from kilonova_kit.metrics import gauge

from kilonova_placement.app.ledger import Ledger
from kilonova_placement.deciding.groups import Groups
from kilonova_placement.deciding.index import Index
from kilonova_placement.model.groups import GroupUse
from kilonova_placement.model.providers import ProviderUse
from kilonova_placement.store.claims import odd_claims
from kilonova_placement.store.groups import load_all_groups, load_groups
from kilonova_placement.store.providers import find_many, host_ids, load_trees

log = logging.getLogger(__name__)

_HOSTS_AT_ONCE = 250

_differences = gauge("kilonova_placement_index_differences", "Providers and groups of which index and ledger disagreed")


class Proof(msgspec.Struct, frozen=True):
    """``providers`` and ``groups`` were compared; ``behind``: changed by another process.

    ``wrong``: what disagreed for no reason: ids of providers, ``group:<id>``, ``claim:<id>``.
    """

    providers: int
    behind: int
    wrong: tuple[str, ...]
    groups: int = 0


class _Part(NamedTuple):
    """What was found of some providers, or of the groups: their ids, how many others had changed, what is wrong."""

    seen: set[str]
    behind: int
    wrong: tuple[str, ...]


async def prove(database: Database, ledger: Ledger) -> Proof:
    """Compare, and have what differs read again: some hosts at a time, for claims wait meanwhile."""
    seen, wrong = set[str](), list[str]()
    behind, after = 0, ""
    while hosts := await database.read(partial(host_ids, after=after, limit=_HOSTS_AT_ONCE)):
        part = await ledger.quietly(partial(_compare, database, ledger, hosts))
        seen |= part.seen
        wrong += part.wrong
        behind, after = behind + part.behind, hosts[-1]
    behind += await ledger.quietly(partial(_forget_gone, ledger, seen))
    groups = await ledger.quietly(partial(_compare_groups, database, ledger))
    wrong += groups.wrong
    wrong += [f"claim:{claim_id}" for claim_id in await database.read(odd_claims)]
    _differences.set(len(wrong))
    if wrong:
        log.warning("index and ledger disagreed on %d things, which were read again: %s", len(wrong), wrong[:10])
    return Proof(len(seen), behind + groups.behind, tuple(wrong), len(groups.seen))


async def _compare(database: Database, ledger: Ledger, hosts: list[str]) -> _Part:
    """The trees of these hosts."""
    uses = await database.read(partial(load_trees, provider_ids=hosts))
    index = ledger.index
    behind = {use.provider.provider_id for use in uses if _generation_differs(use, index)}
    wrong = await _unchanged(database, [use for use in uses if sums_differ(use, index)])
    await ledger.reread(behind | set(wrong))
    return _Part({use.provider.provider_id for use in uses}, len(behind), wrong)


async def _forget_gone(ledger: Ledger, seen: set[str]) -> int:
    """Whoever was not seen is looked for: it is gone, or it came meanwhile. Says how many are gone."""
    before = {provider_id for provider_id, _ in ledger.index.providers()} - seen
    await ledger.reread(before)
    return sum(ledger.index.row_of(provider_id) is None for provider_id in before)


async def _unchanged(database: Database, uses: list[ProviderUse]) -> tuple[str, ...]:
    """Those that nobody has changed since they were read: sums may be newer than the generation that was read first."""
    ids = [use.provider.provider_id for use in uses]
    now = await database.read(lambda tx: find_many(tx, ids)) if ids else {}
    return tuple(
        use.provider.provider_id
        for use in uses
        if use.provider.provider_id in now and now[use.provider.provider_id].generation == use.provider.generation
    )


async def _compare_groups(database: Database, ledger: Ledger) -> _Part:
    """Every group's members."""
    uses, shown = await database.read(load_all_groups), ledger.index.groups
    behind = shown.names() ^ {use.group_id for use in uses}
    behind |= {use.group_id for use in uses if shown.generation_of(use.group_id) != use.generation}
    differ = {use.group_id for use in uses if members_differ(use, shown)}
    now = await database.read(lambda tx: load_groups(tx, differ)) if differ else []
    wrong = {use.group_id for use in now if use.generation == shown.generation_of(use.group_id)}
    await ledger.reread_groups(behind | differ)
    seen = {use.group_id for use in uses}
    return _Part(seen, len(behind | differ), tuple(f"group:{group_id}" for group_id in sorted(wrong)))


def members_differ(use: GroupUse, shown: Groups) -> bool:
    """Whether a group has other members here at the same generation."""
    known = shown.use(use.group_id)
    return known.generation == use.generation and known.members != use.members


def _generation_differs(use: ProviderUse, index: Index) -> bool:
    return index.generation_of(use.provider.provider_id) != use.provider.generation


def sums_differ(use: ProviderUse, index: Index) -> bool:
    """Whether the sums are others here at the same generation, or the free amounts."""
    row = index.row_of(use.provider.provider_id)
    if row is None or _generation_differs(use, index):
        return False
    if index.used(row) != use.used:
        return True
    if index.is_host[row] and index.tree(row) is None and index.attributes.guests[row] != use.guests:
        return True
    return any(
        index.left(row, name) != inventory.capacity - use.used.get(name, 0)
        for name, inventory in use.provider.inventories.items()
    )
