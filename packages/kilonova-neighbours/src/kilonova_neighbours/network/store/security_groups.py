"""Security groups: which one is a project's default, and what says the same as a new rule."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select

from kilonova_neighbours.network.store.tables import default_security_groups as defaults
from kilonova_neighbours.network.store.tables import security_group_rules as rules
from kilonova_neighbours.network.store.tables import security_groups as groups
from kilonova_neighbours.network.store.transactions import Tx, in_chunks

_DEFAULT_OF = select(defaults.c.security_group_id).where(defaults.c.project_id == bindparam("owner")).with_for_update()


def default_of(tx: Tx, project_id: str) -> str | None:
    """The project's default group. Its row is held until the transaction ends: the project's lock for counting."""
    return tx.execute(_DEFAULT_OF, {"owner": project_id}).scalar()


def set_default(tx: Tx, project_id: str, group_id: str) -> None:
    tx.execute(insert(defaults).values(project_id=project_id, security_group_id=group_id))


def defaults_among(tx: Tx, group_ids: Sequence[str]) -> set[str]:
    column = defaults.c.security_group_id
    return {
        group_id
        for chunk in in_chunks(group_ids)
        for group_id in tx.execute(select(column).where(column.in_(chunk))).scalars()
    }


def rule_that_says(tx: Tx, group_id: str, digest: str) -> str | None:
    statement = select(rules.c.id).where(rules.c.security_group_id == group_id, rules.c.digest == digest)
    return tx.execute(statement).scalar()


def owners_of(tx: Tx, group_ids: Sequence[str]) -> dict[str, str]:
    """Project ids of the groups that exist."""
    if not group_ids:
        return {}
    rows = tx.execute(select(groups.c.id, groups.c.project_id).where(groups.c.id.in_(group_ids)))
    return {row[0]: row[1] for row in rows}
