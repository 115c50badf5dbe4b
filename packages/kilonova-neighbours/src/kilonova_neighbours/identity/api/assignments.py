"""Role assignments on the wire: the grants' families of URLs, and the one list of all."""

from __future__ import annotations

from kilonova_kit.errors import Forbidden, NotFound

from kilonova_neighbours.identity.api import roles
from kilonova_neighbours.identity.api.answers import Plain, is_true, link, listing, query
from kilonova_neighbours.identity.api.permits import (
    IdentityCall,
    domain_of_reader,
    domain_reading,
    may_manage,
    may_read,
    permit,
    reading,
)
from kilonova_neighbours.identity.app import assignments
from kilonova_neighbours.identity.app.assignments import Grant, Listed, Names, Parties, Wanted
from kilonova_neighbours.identity.model.roles import Assignment

#: The roles that a domain's manager may hand out (Keystone, common/policies/grant.py, DOMAIN_MANAGER_ALLOWED_ROLES).
_MANAGED = frozenset({"manager", "member", "reader"})


def _grant(call: IdentityCall) -> Grant:
    """The URL says it all: its variables, and whether it stands below OS-INHERIT."""
    path, inherited = call.path, call.own_url.endswith("/inherited_to_projects")
    actor_kind, actor_id = ("user", path["user_id"]) if "user_id" in path else ("group", path["group_id"])
    place: Plain = {"actor_kind": actor_kind, "actor_id": actor_id, "inherited": inherited}
    if "project_id" in path:
        return Grant(target_kind="project", target_id=path["project_id"], **place)
    if "domain_id" in path:
        return Grant(target_kind="domain", target_id=path["domain_id"], **place)
    return Grant(target_kind="system", **place)


async def _parties(call: IdentityCall, grant: Grant, policy: str, role_id: str = "") -> Parties:
    try:
        return await call.app.read(assignments.parties, grant, role_id)
    except NotFound:
        permit(reading(call.identity), policy)
        raise


async def _readable(call: IdentityCall, policy: str, role_id: str = "") -> Grant:
    grant = _grant(call)
    found = await _parties(call, grant, policy, role_id)
    domain = (found.target.domain_id or found.target.id) if found.target else ""
    inside = domain == found.actor.domain_id and may_read(call.identity, domain=domain)
    permit(reading(call.identity) or inside, policy)
    return grant


async def _manageable(call: IdentityCall, policy: str) -> Grant:
    grant = _grant(call)
    found = await _parties(call, grant, policy, call.path["role_id"])
    domain = (found.target.domain_id or found.target.id) if found.target else ""
    inside = domain == found.actor.domain_id and may_manage(call.identity, domain=domain)
    role_allowed = found.role is not None and found.role.name in _MANAGED
    permit(call.identity.is_admin or (inside and role_allowed), policy)
    return grant


async def roles_given(call: IdentityCall) -> Plain:
    grant = await _readable(call, "identity:list_grants")
    found = await call.app.read(assignments.roles_given, grant)
    return listing(call, "roles", [roles.view(call, role) for role in found], ("name",))


async def check(call: IdentityCall) -> None:
    grant = await _readable(call, "identity:check_grant", call.path["role_id"])
    await call.app.read(assignments.check, grant, call.path["role_id"])


async def give(call: IdentityCall) -> None:
    grant = await _manageable(call, "identity:create_grant")
    await call.app.write(assignments.give, grant, call.path["role_id"])


async def take(call: IdentityCall) -> None:
    grant = await _manageable(call, "identity:revoke_grant")
    await call.app.write(assignments.take, grant, call.path["role_id"])


async def list_(call: IdentityCall) -> Plain:
    asked = query(call)
    wanted = Wanted(
        user_id=asked.get("user.id", ""),
        group_id=asked.get("group.id", ""),
        role_id=asked.get("role.id", ""),
        project_id=asked.get("scope.project.id", ""),
        domain_id=asked.get("scope.domain.id", ""),
        system="scope.system" in asked and is_true(asked["scope.system"]),
        inherited=True if asked.get("scope.OS-INHERIT:inherited_to") == "projects" else None,
        effective="effective" in asked and is_true(asked["effective"]),
        subtree="include_subtree" in asked and is_true(asked["include_subtree"]),
        domain_only=domain_of_reader(call.identity),
    )
    if not domain_reading(call.identity):
        _refuse_tree(call, wanted)
    found = await call.app.read(assignments.find, wanted)
    named = is_true(asked.get("include_names"))
    names = await call.app.read(assignments.names, found) if named else None
    return listing(call, "role_assignments", [_view(call, item, names) for item in found])


def _refuse_tree(call: IdentityCall, wanted: Wanted) -> None:
    """Only the tree of the caller's own project, for its admins (identity:list_role_assignments_for_tree)."""
    if not (call.identity.is_admin and wanted.subtree and wanted.project_id == call.identity.project_id):
        raise Forbidden("You are not authorized to perform the requested action: identity:list_role_assignments.")


def _view(call: IdentityCall, item: Listed, names: Names | None) -> Plain:
    row = item.assignment
    plain: Plain = {
        "role": _role(row, names),
        row.actor_kind: _actor(row, names),
        "scope": _scope(row, item, names),
        "links": _links(call, item),
    }
    return plain


def _role(row: Assignment, names: Names | None) -> Plain:
    plain: Plain = {"id": row.role_id}
    if names and (role := names.roles.get(row.role_id)):
        plain["name"] = role.name
        if role.domain_id:
            plain["domain"] = _domain(role.domain_id, names)
    return plain


def _domain(domain_id: str, names: Names) -> Plain:
    known = names.projects.get(domain_id)
    return {"id": domain_id, "name": known.name if known else ""}


def _actor(row: Assignment, names: Names | None) -> Plain:
    plain: Plain = {"id": row.actor_id}
    if names:
        known = names.users.get(row.actor_id) if row.actor_kind == "user" else names.groups.get(row.actor_id)
        if known:
            plain |= {"name": known.name, "domain": _domain(known.domain_id, names)}
    return plain


def _scope(row: Assignment, item: Listed, names: Names | None) -> Plain:
    if row.target_kind == "system":
        return {"system": {"all": True}}
    target: Plain = {"id": row.target_id}
    if names and (known := names.projects.get(row.target_id)):
        target["name"] = known.name
        if row.target_kind == "project":
            target["domain"] = _domain(known.domain_id or known.id, names)
    plain: Plain = {row.target_kind: target}
    if row.inherited and not item.source_id:
        plain["OS-INHERIT:inherited_to"] = "projects"
    return plain


def _links(call: IdentityCall, item: Listed) -> Plain:
    """Where the assignment itself stands, and the membership or the prior role that it comes through."""
    row = item.assignment
    actor = ("groups", item.group_id) if item.group_id else (f"{row.actor_kind}s", row.actor_id)
    kind, target_id = (item.source_kind, item.source_id) if item.source_id else (row.target_kind, row.target_id)
    role_id = item.prior_role_id or row.role_id
    place = ("system",) if kind == "system" else (f"{kind}s", target_id)
    parts = (*place, *actor, "roles", role_id)
    own = link(call, "OS-INHERIT", *parts, "inherited_to_projects") if row.inherited else link(call, *parts)
    links = {"assignment": own}
    if item.group_id:
        links["membership"] = link(call, "groups", item.group_id, "users", row.actor_id)
    if item.prior_role_id:
        links["prior_role"] = link(call, "prior_role", item.prior_role_id, "implies", row.role_id)
    return links
