"""What goes with a thing when it is deleted: nothing may be left that names it."""

from __future__ import annotations

import msgspec
from kilonova_kit.errors import Forbidden

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.credentials import Trust
from kilonova_neighbours.identity.model.projects import Project
from kilonova_neighbours.identity.model.roles import Role
from kilonova_neighbours.identity.model.users import Group, User


def project(work: Work, gone: Project) -> None:
    tx = work.tx
    store.ASSIGNMENTS.remove(tx, target_kind="project", target_id=gone.id)
    store.APPLICATION_CREDENTIALS.remove(tx, project_id=gone.id)
    for known in store.TRUSTS.find(tx, project_id=gone.id):
        trust(work, known)
    store.CREDENTIALS.remove(tx, project_id=gone.id)
    store.PROJECT_ENDPOINTS.remove(tx, project_id=gone.id)
    store.PROJECT_ENDPOINT_GROUPS.remove(tx, project_id=gone.id)
    store.LIMITS.remove(tx, project_id=gone.id)
    for user in store.USERS.find(tx, default_project_id=gone.id):
        store.USERS.change(tx, msgspec.structs.replace(user, default_project_id=None))
    store.PROJECTS.remove(tx, id=gone.id)


def domain(work: Work, gone: Project) -> None:
    """Raises Forbidden for an enabled domain. Everything in it goes with it."""
    if gone.enabled:
        raise Forbidden("Cannot delete a domain that is enabled, please disable it first.")
    for user_gone in store.USERS.find(work.tx, domain_id=gone.id):
        user(work, user_gone)
    for group_gone in store.GROUPS.find(work.tx, domain_id=gone.id):
        group(work, group_gone)
    for project_gone in store.PROJECTS.find(work.tx, domain_id=gone.id):
        project(work, project_gone)
    for role_gone in store.ROLES.find(work.tx, domain_id=gone.id):
        role(work, role_gone)
    store.ASSIGNMENTS.remove(work.tx, target_kind="domain", target_id=gone.id)
    store.LIMITS.remove(work.tx, domain_id=gone.id)
    store.DOMAIN_CONFIGS.remove(work.tx, domain_id=gone.id)
    store.PROJECTS.remove(work.tx, id=gone.id)


def user(work: Work, gone: User) -> None:
    tx = work.tx
    store.MEMBERSHIPS.remove(tx, user_id=gone.id)
    store.ASSIGNMENTS.remove(tx, actor_kind="user", actor_id=gone.id)
    store.CREDENTIALS.remove(tx, user_id=gone.id)
    store.APPLICATION_CREDENTIALS.remove(tx, user_id=gone.id)
    store.ACCESS_RULES.remove(tx, user_id=gone.id)
    for known in (*store.TRUSTS.find(tx, trustor_user_id=gone.id), *store.TRUSTS.find(tx, trustee_user_id=gone.id)):
        trust(work, known)
    store.USERS.remove(tx, id=gone.id)


def trust(work: Work, gone: Trust) -> None:
    """With it go the trusts that were made from it."""
    for child in store.TRUSTS.find(work.tx, redelegated_trust_id=gone.id):
        trust(work, child)
    store.TRUSTS.remove(work.tx, id=gone.id)


def group(work: Work, gone: Group) -> None:
    store.MEMBERSHIPS.remove(work.tx, group_id=gone.id)
    store.ASSIGNMENTS.remove(work.tx, actor_kind="group", actor_id=gone.id)
    store.GROUPS.remove(work.tx, id=gone.id)


def role(work: Work, gone: Role) -> None:
    store.ASSIGNMENTS.remove(work.tx, role_id=gone.id)
    store.IMPLICATIONS.remove(work.tx, prior_role_id=gone.id)
    store.IMPLICATIONS.remove(work.tx, implied_role_id=gone.id)
    store.ROLES.remove(work.tx, id=gone.id)
