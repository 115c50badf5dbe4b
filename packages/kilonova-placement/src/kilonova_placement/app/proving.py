"""The proof that index and ledger agree: every generation and every sum, compared.

A difference is no error of its own right: another process may have written since the feed was read. So what differs is
read again; what still differs, or differs at the *same* generation, is a fault of ours: it is counted, logged at
WARNING, and mended by the re-reading itself.
"""

from __future__ import annotations

import logging

import msgspec
from kilonova_kit.database import Database
from kilonova_kit.metrics import gauge

from kilonova_placement.app.ledger import Ledger
from kilonova_placement.model.providers import ProviderUse
from kilonova_placement.store.providers import load_all

log = logging.getLogger(__name__)

_differences = gauge("kilonova_placement_index_differences", "Providers whose index row disagreed with the ledger")


class Proof(msgspec.Struct, frozen=True):
    """``providers`` were compared; ``behind``: changed by another process; ``wrong``: disagreed for no reason."""

    providers: int
    behind: int
    wrong: tuple[str, ...]


async def prove(database: Database, ledger: Ledger) -> Proof:
    """Compare, and have what differs read again."""
    return await ledger.quietly(lambda: _compare(database, ledger))


async def _compare(database: Database, ledger: Ledger) -> Proof:
    uses = await database.read(load_all)
    behind = {use.provider.provider_id for use in uses if _generation_differs(use, ledger)}
    wrong = tuple(use.provider.provider_id for use in uses if _sums_differ(use, ledger))
    gone = {provider_id for provider_id, _ in ledger.index.providers()} - {use.provider.provider_id for use in uses}
    await ledger.reread(behind | gone | set(wrong))
    _differences.set(len(wrong))
    if wrong:
        log.warning(
            "the index disagreed with the ledger on %d providers and was read again: %s", len(wrong), wrong[:10]
        )
    return Proof(len(uses), len(behind | gone), wrong)


def _generation_differs(use: ProviderUse, ledger: Ledger) -> bool:
    return ledger.index.generation_of(use.provider.provider_id) != use.provider.generation


def _sums_differ(use: ProviderUse, ledger: Ledger) -> bool:
    """At the same generation the sums must be the same, and so must the free amounts."""
    row = ledger.index.row_of(use.provider.provider_id)
    if row is None or _generation_differs(use, ledger):
        return False
    if ledger.index.used(row) != use.used:
        return True
    return any(
        ledger.index.left(row, name) != inventory.capacity - use.used.get(name, 0)
        for name, inventory in use.provider.inventories.items()
    )
