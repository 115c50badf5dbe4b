"""Who has which role on what: given, taken, and listed, also as it takes effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from kilonova_kit.errors import BadRequest, Forbidden, NotFound

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding, tokens
from kilonova_neighbours.identity.app.projects import below
from kilonova_neighbours.identity.app.roles_of import SYSTEM, above, actors_of, closure, roles_on
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.projects import Project
from kilonova_neighbours.identity.model.roles import ActorKind, Assignment, Role, TargetKind
from kilonova_neighbours.identity.model.users import Group, User


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Where a role stands, without the role: the URL's words."""

    actor_kind: ActorKind
    actor_id: str
    target_kind: TargetKind
    target_id: str = SYSTEM
    inherited: bool = False


class Parties(msgspec.Struct, frozen=True, kw_only=True):
    """The things a grant names."""

    actor: User | Group
    target: Project | None
    role: Role | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of assignments is asked for; "" does not matter. ``domain_only`` narrows it to a domain's things."""

    user_id: str = ""
    group_id: str = ""
    role_id: str = ""
    project_id: str = ""
    domain_id: str = ""
    system: bool = False
    inherited: bool | None = None
    effective: bool = False
    subtree: bool = False
    domain_only: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment in a list; in an effective one with where it comes from."""

    assignment: Assignment
    group_id: str = ""
    prior_role_id: str = ""
    source_id: str = ""
    source_kind: TargetKind = "project"


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What ``include_names`` needs, by id."""

    roles: dict[str, Role]
    users: dict[str, User]
    groups: dict[str, Group]
    projects: dict[str, Project]


def parties(work: Work, grant: Grant, role_id: str = "") -> Parties:
    """Everything a grant names. Raises NotFound."""
    role = finding.role(work, role_id) if role_id else None
    target = None
    if grant.target_kind == "project":
        target = finding.project(work, grant.target_id)
    elif grant.target_kind == "domain":
        target = finding.domain(work, grant.target_id)
    actor = finding.user(work, grant.actor_id) if grant.actor_kind == "user" else finding.group(work, grant.actor_id)
    return Parties(actor=actor, target=target, role=role)


def _row(grant: Grant, role_id: str) -> Assignment:
    return Assignment(role_id=role_id, **msgspec.structs.asdict(grant))


def give(work: Work, grant: Grant, role_id: str) -> None:
    """Giving what is given already is fine. Raises Forbidden for a role of another domain."""
    found = parties(work, grant, role_id)
    own = found.role.domain_id if found.role else ""
    if own and found.target and own != (found.target.domain_id or found.target.id):
        raise Forbidden("Project must be in the same domain as the role being assigned.")
    row = _row(grant, role_id)
    if store.ASSIGNMENTS.get(work.tx, **msgspec.structs.asdict(row)) is None:
        store.ASSIGNMENTS.add(work.tx, row)


def check(work: Work, grant: Grant, role_id: str) -> None:
    """Raises NotFound for a role that was not given here."""
    parties(work, grant, role_id)
    if store.ASSIGNMENTS.get(work.tx, **msgspec.structs.asdict(_row(grant, role_id))) is None:
        raise NotFound(
            f"Could not find role assignment with role: {role_id}, user or group: {grant.actor_id}, "
            f"project, domain, or system: {grant.target_id}."
        )


def take(work: Work, grant: Grant, role_id: str) -> None:
    """Application credentials that stand on the grant go; who is left without a role loses the tokens for good."""
    check(work, grant, role_id)
    store.ASSIGNMENTS.remove(work.tx, **msgspec.structs.asdict(_row(grant, role_id)))
    if grant.target_kind == "system":
        return
    target = finding.project(work, grant.target_id)
    for user_id in _users_of(work, grant.actor_kind, grant.actor_id):
        if grant.actor_kind == "user":
            store.APPLICATION_CREDENTIALS.remove(work.tx, user_id=user_id, project_id=target.id)
        if not roles_on(work, user_id, grant.target_kind, target):
            tokens.revoke_on(work, user_id, target.id)


def _users_of(work: Work, kind: ActorKind, actor_id: str) -> list[str]:
    if kind == "user":
        return [actor_id]
    return [row.user_id for row in store.MEMBERSHIPS.find(work.tx, group_id=actor_id)]


def roles_given(work: Work, grant: Grant) -> list[Role]:
    """The roles of exactly this grant."""
    parties(work, grant)
    rows = store.ASSIGNMENTS.find(work.tx, **msgspec.structs.asdict(grant))
    return store.ROLES.find(work.tx, id=[row.role_id for row in rows])


def find(work: Work, wanted: Wanted) -> list[Listed]:
    """The list that was asked for. Raises BadRequest for filters that exclude each other."""
    _refuse_contradictions(wanted)
    targets = _targets(work, wanted)
    rows = store.ASSIGNMENTS.find(work.tx, **_criteria(work, wanted, targets))
    listed = _effective(work, rows) if wanted.effective else (Listed(assignment=row) for row in rows)
    inside = _inside(work, wanted.domain_only)
    return [item for item in dict.fromkeys(listed) if _matches(item.assignment, wanted, targets) and inside(item)]


def _refuse_contradictions(wanted: Wanted) -> None:
    if sum(map(bool, (wanted.project_id, wanted.domain_id, wanted.system))) > 1:
        raise BadRequest("Specify a domain, a project or the system, not more than one of them.")
    if wanted.user_id and wanted.group_id:
        raise BadRequest("Specify a user or group, not both.")
    if wanted.effective and wanted.group_id:
        raise BadRequest("Combining effective and group filter will always result in an empty list.")
    if wanted.effective and wanted.inherited:
        raise BadRequest("Combining effective and inherited filters will always result in an empty list.")
    if wanted.subtree and not wanted.project_id:
        raise BadRequest("scope.project.id must be specified if include_subtree is also specified.")


def _targets(work: Work, wanted: Wanted) -> set[str] | None:
    """Ids of the targets asked for; None for all."""
    if wanted.system:
        return {SYSTEM}
    if wanted.domain_id:
        return {wanted.domain_id}
    if not wanted.project_id:
        return None
    project = store.PROJECTS.get(work.tx, id=wanted.project_id)
    family = below(work, project) if project and wanted.subtree else []
    return {wanted.project_id, *(child.id for child in family)}


def _criteria(work: Work, wanted: Wanted, targets: set[str] | None) -> dict[str, object]:
    """What the database can narrow down: in an effective list also what is inherited from above and by groups."""
    criteria: dict[str, object] = {}
    if targets is not None:
        rows = set(targets)
        project = store.PROJECTS.get(work.tx, id=wanted.project_id) if wanted.effective and wanted.project_id else None
        rows |= {parent.id for parent in above(work, project)} if project else set()
        criteria["target_id"] = rows
    if wanted.user_id:
        criteria["actor_id"] = actors_of(work, wanted.user_id) if wanted.effective else [wanted.user_id]
    if wanted.group_id:
        criteria["actor_id"] = [wanted.group_id]
    return criteria


def _effective(work: Work, rows: Iterable[Assignment]) -> Iterator[Listed]:
    """Groups become their members, inherited ones stand on each project below, roles bring what they imply."""
    for row in rows:
        source = store.PROJECTS.get(work.tx, id=row.target_id) if row.target_kind != "system" else None
        targets: list[tuple[TargetKind, str]] = [(row.target_kind, row.target_id)]
        if row.inherited:
            targets = [("project", child.id) for child in below(work, source)] if source else []
        roles = {role.id for role in store.ROLES.find(work.tx, id=closure(work, [row.role_id]), domain_id="")}
        group_id = row.actor_id if row.actor_kind == "group" else ""
        for user_id in _users_of(work, row.actor_kind, row.actor_id):
            for kind, target_id in targets:
                for role_id in sorted(roles, key=lambda known: known != row.role_id):
                    yield Listed(
                        assignment=Assignment(
                            actor_kind="user",
                            actor_id=user_id,
                            target_kind=kind,
                            target_id=target_id,
                            role_id=role_id,
                            inherited=row.inherited,
                        ),
                        group_id=group_id,
                        prior_role_id=row.role_id if role_id != row.role_id else "",
                        source_id=row.target_id,
                        source_kind=row.target_kind,
                    )


def _matches(row: Assignment, wanted: Wanted, targets: set[str] | None) -> bool:
    return (
        (targets is None or row.target_id in targets)
        and (not wanted.user_id or (row.actor_kind == "user" and row.actor_id == wanted.user_id))
        and (not wanted.group_id or (row.actor_kind == "group" and row.actor_id == wanted.group_id))
        and (not wanted.role_id or row.role_id == wanted.role_id)
        and (wanted.effective or wanted.inherited is None or row.inherited == wanted.inherited)
    )


class _Inside(msgspec.Struct):
    """Whether a listed assignment stands on a domain or on a project of it."""

    ids: set[str] | None

    def __call__(self, item: Listed) -> bool:
        return self.ids is None or item.assignment.target_id in self.ids


def _inside(work: Work, domain_id: str) -> _Inside:
    if not domain_id:
        return _Inside(None)
    return _Inside({domain_id, *(project.id for project in store.PROJECTS.find(work.tx, domain_id=domain_id))})


def names(work: Work, listed: Iterable[Listed]) -> Names:
    rows = [item.assignment for item in listed]
    targets = {row.target_id for row in rows}
    projects = {project.id: project for project in store.PROJECTS.find(work.tx, id=targets)}
    users = store.USERS.find(work.tx, id={row.actor_id for row in rows if row.actor_kind == "user"})
    groups = store.GROUPS.find(work.tx, id={row.actor_id for row in rows if row.actor_kind == "group"})
    domains = {project.domain_id for project in projects.values()} | {user.domain_id for user in users}
    domains |= {group.domain_id for group in groups}
    projects |= {domain.id: domain for domain in store.PROJECTS.find(work.tx, id=domains)}
    return Names(
        roles={role.id: role for role in store.ROLES.find(work.tx, id={row.role_id for row in rows})},
        users={user.id: user for user in users},
        groups={group.id: group for group in groups},
        projects=projects,
    )
