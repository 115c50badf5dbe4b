"""Only hosts whose address is in a network."""

from __future__ import annotations

from kilonova_placement.deciding.attributes import within
from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted


def network(wanted: Wanted, index: Index) -> list[Check]:
    asked = wanted.request.place.network
    if not asked:
        return []

    def narrow(mask: Mask) -> None:
        mask &= within(index.attributes, asked, len(mask))

    def lacks(rows: Rows) -> Miss:
        return Miss(f"{plural(len(rows), 'has no address', 'have no address')} in {asked}")

    return [Check(f"network {asked}", narrow, (f"is in {asked}", f"are in {asked}"), lacks)]
