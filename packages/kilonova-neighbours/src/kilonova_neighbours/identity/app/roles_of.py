"""Which roles somebody really has: direct, by group, inherited from above, and implied."""

from __future__ import annotations

from collections.abc import Iterable

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.projects import Project
from kilonova_neighbours.identity.model.roles import Role, TargetKind

SYSTEM = "system"


def actors_of(work: Work, user_id: str) -> list[str]:
    """The user and the user's groups."""
    return [user_id, *(row.group_id for row in store.MEMBERSHIPS.find(work.tx, user_id=user_id))]


def above(work: Work, project: Project) -> list[Project]:
    """A project's ancestors, the nearest first, the domain last; empty for a domain."""
    found: list[Project] = []
    while project.parent_id and (parent := store.PROJECTS.get(work.tx, id=project.parent_id)):
        found.append(parent)
        project = parent
    return found


def closure(work: Work, role_ids: Iterable[str]) -> set[str]:
    """These roles and all they imply."""
    implied: dict[str, list[str]] = {}
    for row in store.IMPLICATIONS.find(work.tx):
        implied.setdefault(row.prior_role_id, []).append(row.implied_role_id)
    found, ahead = set[str](), list(role_ids)
    while ahead:
        if (role_id := ahead.pop()) not in found:
            found.add(role_id)
            ahead += implied.get(role_id, [])
    return found


def expanded(work: Work, role_ids: Iterable[str]) -> tuple[Role, ...]:
    """Roles as a token shows them: implied ones too, domain-specific ones not."""
    wanted = closure(work, role_ids)
    return tuple(store.ROLES.find(work.tx, id=wanted, domain_id="")) if wanted else ()


def assigned(work: Work, actor_ids: Iterable[str], kind: TargetKind, target: Project | None) -> set[str]:
    """Role ids that these actors have on a project, a domain, or (None) the system, before implication."""
    direct = target.id if target else SYSTEM
    higher = [project.id for project in above(work, target)] if target and kind == "project" else []
    rows = store.ASSIGNMENTS.find(work.tx, actor_id=list(actor_ids), target_id=[direct, *higher])
    return {
        row.role_id
        for row in rows
        if (row.target_id == direct and not row.inherited and row.target_kind == kind)
        or (row.target_id in higher and row.inherited)
    }


def roles_on(work: Work, user_id: str, kind: TargetKind, target: Project | None) -> tuple[Role, ...]:
    """A user's roles on a target, expanded."""
    return expanded(work, assigned(work, actors_of(work, user_id), kind, target))
