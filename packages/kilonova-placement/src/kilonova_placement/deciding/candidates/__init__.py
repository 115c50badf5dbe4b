"""Allocation candidates of the Placement API: where a request of several groups could go. Pure, as all of deciding.

    asked.py      the question: groups of amounts, traits, aggregates     able.py     who can give what, in columns
    combining.py  one tree's combinations, lazily                         finding.py  the trees in turn, to the limit
    seating.py    whether a tree can have any

Nothing is enumerated in advance: candidates are made one at a time, first one of every tree, then the second ones.
Where the combinations of a tree are many, providers that are alike stand for each other: one candidate per *kind* of
choice.
"""

from kilonova_placement.deciding.candidates.asked import Asked, Candidate, Group
from kilonova_placement.deciding.candidates.finding import find, rows_to_summarize

__all__ = ["Asked", "Candidate", "Group", "find", "rows_to_summarize"]
