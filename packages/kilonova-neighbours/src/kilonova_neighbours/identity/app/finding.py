"""Things that must be there, in Keystone's words where they are not."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from kilonova_kit.errors import Conflict, Forbidden, NotFound

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app.changes import Values
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.projects import Project
from kilonova_neighbours.identity.model.roles import Role
from kilonova_neighbours.identity.model.users import Group, User

T = TypeVar("T")


def must(thing: T | None, kind: str, identifier: str) -> T:
    """Raises NotFound for nothing."""
    if thing is None:
        raise NotFound(f"Could not find {kind}: {identifier}.")
    return thing


def user(work: Work, user_id: str) -> User:
    return must(store.USERS.get(work.tx, id=user_id), "user", user_id)


def group(work: Work, group_id: str) -> Group:
    return must(store.GROUPS.get(work.tx, id=group_id), "group", group_id)


def project(work: Work, project_id: str) -> Project:
    return must(store.PROJECTS.get(work.tx, id=project_id), "project", project_id)


def domain(work: Work, domain_id: str) -> Project:
    return must(store.PROJECTS.get(work.tx, id=domain_id, is_domain=True), "domain", domain_id)


def role(work: Work, role_id: str) -> Role:
    return must(store.ROLES.get(work.tx, id=role_id), "role", role_id)


def meant_role(work: Work, reference: Values) -> Role:
    """The role that a body means by its id, or by its name among the global ones."""
    if reference.get("id"):
        return role(work, reference["id"])
    name = reference.get("name") or ""
    return must(store.ROLES.get(work.tx, name=name, domain_id=""), "role", name)


def refuse_taken(holder: msgspec.Struct | None, kind: str, name: str, where: str = "") -> None:
    """Raises Conflict when somebody else has the name."""
    if holder is not None:
        place = f" at domain ID {where}" if where else ""
        raise Conflict(f"Conflict occurred attempting to store {kind} - Duplicate entry found with name {name}{place}.")


def refuse_immutable(thing: Project | Role, kind: str, changes: Values | None = None) -> None:
    """Raises Forbidden; only taking the option away is allowed, and nothing else with it."""
    if thing.immutable and not _frees(changes or {}):
        raise Forbidden(f"Cannot modify immutable resource {kind} '{thing.id}'.")


def _frees(changes: Values) -> bool:
    options = changes.get("options") or {}
    return set(changes) == {"options"} and "immutable" in options and not options["immutable"]
