"""Together with the others of a group on a host, or apart from them. The soft policies are weighers.

A member that is on the move has two places, and it is not known yet which will be its own: nobody may join it by hard
affinity until then, and with anti-affinity both places are taken.
"""

from __future__ import annotations

import numpy as np

from kilonova_placement.deciding.bits import Mask
from kilonova_placement.deciding.constraints.check import Check, Miss, Rows, plural
from kilonova_placement.deciding.grouping import WantedGroup
from kilonova_placement.deciding.index import Index
from kilonova_placement.deciding.wanted import Wanted
from kilonova_placement.model.groups import GroupPolicy


def group(wanted: Wanted, index: Index) -> list[Check]:
    asked = wanted.group
    if asked is None or asked.is_empty:
        return []
    if asked.policy is GroupPolicy.AFFINITY:
        return [_together(asked)]
    return [_apart(asked)] if asked.policy is GroupPolicy.ANTI_AFFINITY else []


def _together(asked: WantedGroup) -> Check:
    def narrow(mask: Mask) -> None:
        kept = [row for row in asked.settled if mask[row]]
        mask[:] = False
        mask[kept] = True

    def lacks(rows: Rows) -> Miss:
        if not asked.settled:
            return Miss("cannot be joined while the members of the group are on the move")
        return Miss(f"{plural(len(rows), 'has', 'have')} no member of the group")

    return Check("affinity", narrow, ("has members of the group", "have members of the group"), lacks)


def _apart(asked: WantedGroup) -> Check:
    full = [row for row, number in asked.others.items() if number >= asked.most]

    def narrow(mask: Mask) -> None:
        mask[full] = False

    def lacks(rows: Rows) -> Miss:
        nearest = int(rows[int(np.argmin([asked.others[int(row)] for row in rows]))])
        members = "a member" if asked.most == 1 else f"{asked.most} members or more"
        return Miss(f"{plural(len(rows), 'has', 'have')} {members} of the group already", nearest)

    return Check("anti-affinity", narrow, ("has room in the group", "have room in the group"), lacks)
