"""Whether groups find rows at all, each by itself: a matching, in steps that grow with groups times rows.

It says no in no time where a search would try every order first: nine groups for eight unlike devices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def can_sit(choices: Sequence[Sequence[int]], seats: Callable[[int], int]) -> bool:
    """Whether each finds one of its rows, when a row has room for so many of them."""
    sitting: dict[int, list[int]] = {}

    def sit(number: int, asked: set[int]) -> bool:
        """Take a free place, or one whose holder finds another."""
        for row in choices[number]:
            if row in asked:
                continue
            asked.add(row)
            here = sitting.setdefault(row, [])
            if len(here) < seats(row):
                here.append(number)
                return True
            for place, other in enumerate(here):
                if sit(other, asked):
                    here[place] = number
                    return True
        return False

    return all(sit(number, set()) for number in range(len(choices)))
