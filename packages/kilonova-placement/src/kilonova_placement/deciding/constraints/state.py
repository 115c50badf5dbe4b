"""Hosts that are disabled or down take no new claims."""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted


def state(wanted: Wanted, index: Index) -> list[Check]:
    def narrow(mask: Mask) -> None:
        np.logical_and(mask, index.open[: len(mask)], out=mask)

    def lacks(rows: Rows) -> Miss:
        down = int(index.down[rows].sum())
        disabled = len(rows) - down
        said = [
            *([f"{disabled} {plural(disabled, 'is', 'are')} disabled"] if disabled else []),
            *([f"{down} {plural(down, 'is', 'are')} down"] if down else []),
        ]
        return Miss(f"{plural(len(rows), 'does', 'do')} not take new servers ({', '.join(said)})")

    return [Check("enabled and up", narrow, ("is enabled", "are enabled"), lacks)]
