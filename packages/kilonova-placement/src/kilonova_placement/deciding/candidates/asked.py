"""The question, and one answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True, frozen=True, kw_only=True)
class Group:
    """What one group asks. With a suffix one provider gives all of it; without, a tree and who shares with it do.

    ``required`` and ``member_of``: one of each set. ``in_tree``: any provider of the tree it must come from.
    """

    suffix: str
    resources: Mapping[str, int]
    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()
    member_of: tuple[frozenset[str], ...] = ()
    not_member_of: frozenset[str] = frozenset()
    in_tree: str | None = None

    def alike(self, other: Group) -> bool:
        """Whether the groups ask the same but for their names."""
        return (
            self.resources == other.resources
            and (self.required, self.forbidden, self.member_of) == (other.required, other.forbidden, other.member_of)
            and (self.not_member_of, self.in_tree) == (other.not_member_of, other.in_tree)
        )


@dataclass(slots=True, frozen=True, kw_only=True)
class Asked:
    """All groups. ``isolate``: each suffixed group from another provider. ``root_*``: traits of the tree's root itself.

    ``same_subtrees``: the providers of these suffixes stand below (or are) one of them. ``nested`` False: clients that
    do not know trees get no candidate of two providers of one tree.
    """

    groups: tuple[Group, ...]
    isolate: bool = False
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    same_subtrees: tuple[frozenset[str], ...] = ()
    limit: int | None = None
    nested: bool = True


class Candidate(NamedTuple):
    """Row of a provider to what it gives, and suffix to the rows that serve it."""

    parts: Mapping[int, Mapping[str, int]]
    mappings: Mapping[str, tuple[int, ...]]
