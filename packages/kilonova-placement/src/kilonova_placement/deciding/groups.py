"""The members of every group, as the index shows them: sparse, by the ids of hosts, which outlive rows.

Invariant, as for providers: between two rounds of the ledger the members are those of the database at ``generation``.
A group that is not known here has generation 0, which no group in the database has.
"""

from __future__ import annotations

from kilonova_placement.model.groups import GroupUse


class Groups:
    """Changed by the ledger only, as the rest of the index."""

    def __init__(self) -> None:
        self._groups: dict[str, GroupUse] = {}

    def names(self) -> set[str]:
        return set(self._groups)

    def use(self, group_id: str) -> GroupUse:
        """Who stands where; nobody in a group that is not known."""
        return self._groups.get(group_id) or GroupUse(group_id=group_id, generation=0, members={})

    def generation_of(self, group_id: str) -> int:
        found = self._groups.get(group_id)
        return found.generation if found else 0

    def show(self, use: GroupUse) -> None:
        """Show a group as the database has it now."""
        self._groups[use.group_id] = use

    def forget(self, group_id: str) -> None:
        self._groups.pop(group_id, None)

    def raised(self, group_id: str, before: int, after: int) -> bool:
        """A commit of ours raised the generation: note it, unless the picture was older than ``before``."""
        if self.generation_of(group_id) != before:
            return False
        group = self._known(group_id)
        group.generation = after
        return True

    def join(self, group_id: str, host_id: str, owner: str) -> None:
        """One more claim of this owner on this host."""
        here = self._known(group_id).members.setdefault(host_id, {})
        here[owner] = here.get(owner, 0) + 1

    def leave(self, group_id: str, host_id: str, owner: str) -> None:
        """One claim less; nothing happens where there was none, for the picture may be older than the claim."""
        members = self._known(group_id).members
        here = members.get(host_id, {})
        left = here.pop(owner, 0) - 1
        if left > 0:
            here[owner] = left
        elif not here:
            members.pop(host_id, None)

    def _known(self, group_id: str) -> GroupUse:
        group = self._groups.get(group_id)
        if group is None:
            group = self._groups[group_id] = GroupUse(group_id=group_id, generation=0, members={})
        return group
