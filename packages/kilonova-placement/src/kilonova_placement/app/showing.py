"""What the ledger makes its index show: what was decided, then what was committed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kilonova_placement.app.waiting import Asked
from kilonova_placement.deciding.index import Index, Part
from kilonova_placement.store.ledger import Outcome


class Elsewhere(NamedTuple):
    """What others have changed: it is to be read again."""

    providers: set[str]
    groups: set[str]


def take(index: Index, waiting: Asked) -> None:
    """Show what was decided as taken, before it is committed."""
    index.take(waiting.parts)
    for placement in waiting.placements:
        index.arrive(placement.root)
    for claim in waiting.claims:
        if claim.group_id:
            index.groups.join(claim.group_id, claim.host_id, claim.owner.name)


def give(index: Index, waiting: Asked) -> None:
    """Take back what was not committed."""
    index.give(waiting.parts)
    for placement in waiting.placements:
        index.withdraw(placement.root)
    for claim in waiting.claims:
        if claim.group_id:
            index.groups.leave(claim.group_id, claim.host_id, claim.owner.name)


def show_outcome(index: Index, decided: Sequence[Asked], outcome: Outcome) -> Elsewhere:
    """Show what was committed, and nothing else; say what must be read again."""
    for number, waiting in enumerate(decided):
        if number not in outcome.committed:
            give(index, waiting)
    for amounts in outcome.released.values():
        _release(index, amounts)
    for membership in outcome.left_groups:
        index.groups.leave(*membership)
    return Elsewhere(_old_providers(index, outcome), _old_groups(index, outcome))


def _release(index: Index, amounts: Mapping[str, Mapping[str, int]]) -> None:
    roots: set[int] = set()
    for provider_id, of in amounts.items():
        row = index.row_of(provider_id)
        if row is not None:
            index.give(Part(row, name, amount) for name, amount in of.items())
            roots.add(int(index.root[row]))
    for root in roots:
        index.leave(root)


def _old_providers(index: Index, outcome: Outcome) -> set[str]:
    elsewhere = set(outcome.stale)
    for provider_id, (before, after) in outcome.generations.items():
        row = index.row_of(provider_id)
        if row is None or index.generation[row] != before:
            elsewhere.add(provider_id)
        else:
            index.generation[row] = after
    return elsewhere


def _old_groups(index: Index, outcome: Outcome) -> set[str]:
    raised = outcome.group_generations.items()
    return outcome.stale_groups | {
        key for key, (before, after) in raised if not index.groups.raised(key, before, after)
    }
