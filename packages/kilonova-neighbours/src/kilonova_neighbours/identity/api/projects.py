"""Projects on the wire, with their tags and their place in the tree."""

from __future__ import annotations

from kilonova_kit.errors import NotFound
from kilonova_kit.http.operations import Answer

from kilonova_neighbours.identity.api import attributes
from kilonova_neighbours.identity.api.answers import Plain, is_true, link, listing, query
from kilonova_neighbours.identity.api.permits import (
    IdentityCall,
    domain_of_reader,
    may_manage,
    may_read,
    permit,
    target,
)
from kilonova_neighbours.identity.api.types.projects import CreateProject, Tags, UpdateProject
from kilonova_neighbours.identity.app import projects
from kilonova_neighbours.identity.model.projects import Project

_FILTERS = ("name", "enabled", "domain_id", "parent_id", "is_domain", "description")


def view(call: IdentityCall, project: Project) -> Plain:
    return {
        **project.extra,
        "id": project.id,
        "name": project.name,
        "domain_id": project.domain_id or None,
        "parent_id": project.parent_id or None,
        "is_domain": project.is_domain,
        "enabled": project.enabled,
        "description": project.description,
        "tags": project.tags,
        "options": project.options,
        "links": {"self": link(call, "projects", project.id)},
    }


def default_domain(call: IdentityCall) -> str:
    """Where things are made whose body names no domain: the token's domain, or its project's (as Keystone)."""
    return call.identity.domain_id or call.identity.project_domain_id or "default"


async def create(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.project, CreateProject)
    values = attributes.given(known)
    if not values.get("is_domain") and not values.get("parent_id") and not values.get("domain_id"):
        values["domain_id"] = default_domain(call)
    permit(may_manage(call.identity, domain=values.get("domain_id") or ""), "identity:create_project")
    return {"project": view(call, await call.app.write(projects.create, values, extra))}


async def list_(call: IdentityCall) -> Plain:
    asked = query(call)
    equals = {name: asked[name] for name in ("domain_id", "parent_id", "name") if asked.get(name)}
    if domain_id := domain_of_reader(call.identity):
        equals["domain_id"] = domain_id
    found = await call.app.read(projects.find, {"is_domain": is_true(asked.get("is_domain")), **equals})
    return listing(call, "projects", [view(call, project) for project in found if _tagged(project, asked)], _FILTERS)


def _tagged(project: Project, asked: dict[str, str]) -> bool:
    """The four tag filters: all of, any of, not all of, none of."""
    tags = set(project.tags)
    wanted = {
        name: set(asked[name].split(",")) for name in ("tags", "tags-any", "not-tags", "not-tags-any") if name in asked
    }
    return (
        wanted.get("tags", set()) <= tags
        and ("tags-any" not in wanted or bool(wanted["tags-any"] & tags))
        and ("not-tags" not in wanted or not wanted["not-tags"] <= tags)
        and ("not-tags-any" not in wanted or not wanted["not-tags-any"] & tags)
    )


async def _readable(call: IdentityCall, policy: str) -> Project:
    project = await target(call, policy, call.app.read(projects.show, call.path["project_id"]))
    domain = project.domain_id or project.id
    permit(may_read(call.identity, domain=domain, project=project.id), policy)
    return project


async def _manageable(call: IdentityCall, policy: str) -> Project:
    project = await target(call, policy, call.app.read(projects.show, call.path["project_id"]))
    permit(may_manage(call.identity, domain=project.domain_id), policy)
    return project


async def show(call: IdentityCall) -> Plain:
    project = await _readable(call, "identity:get_project")
    plain, asked = view(call, project), query(call)
    if asked.keys() & {"parents_as_list", "subtree_as_list", "parents_as_ids", "subtree_as_ids"}:
        plain |= await _family(call, project, asked)
    return {"project": plain}


async def _family(call: IdentityCall, project: Project, asked: dict[str, str]) -> Plain:
    parents, children = await call.app.read(projects.relatives, project.id)
    plain: Plain = {}
    if "parents_as_list" in asked:
        plain["parents"] = await _members(call, parents)
    if "parents_as_ids" in asked:
        plain["parents"] = _chain(parents)
    if "subtree_as_list" in asked:
        plain["subtree"] = await _members(call, children)
    if "subtree_as_ids" in asked:
        plain["subtree"] = _tree(project.id, children)
    return plain


async def _members(call: IdentityCall, family: list[Project]) -> list[Plain]:
    """As lists, only projects on which the caller has a role."""
    mine = await call.app.read(projects.reachable, call.identity.user_id, family)
    return [{"project": view(call, project)} for project in mine]


def _chain(parents: list[Project]) -> Plain | None:
    nested: Plain | None = None
    for parent in reversed(parents):
        nested = {parent.id: nested}
    return nested


def _tree(root: str, family: list[Project]) -> Plain | None:
    children = [project.id for project in family if project.parent_id == root]
    return {child: _tree(child, family) for child in children} or None


async def update(call: IdentityCall) -> Plain:
    await _manageable(call, "identity:update_project")
    known, extra = attributes.read(call.body.project, UpdateProject)
    return {
        "project": view(
            call, await call.app.write(projects.change, call.path["project_id"], attributes.given(known), extra)
        )
    }


async def delete(call: IdentityCall) -> None:
    await _manageable(call, "identity:delete_project")
    await call.app.write(projects.delete, call.path["project_id"])


async def list_tags(call: IdentityCall) -> Plain:
    project = await _readable(call, "identity:list_project_tags")
    return {"tags": project.tags, "links": {"self": call.own_url, "previous": None, "next": None}}


async def set_tags(call: IdentityCall) -> Plain:
    await _manageable(call, "identity:update_project_tags")
    known, _ = attributes.read({"tags": call.body.tags}, Tags)
    project = await call.app.write(projects.set_tags, call.path["project_id"], known.tags)
    return {"tags": project.tags, "links": {"self": call.own_url, "previous": None, "next": None}}


async def delete_tags(call: IdentityCall) -> None:
    await _manageable(call, "identity:delete_project_tags")
    await call.app.write(projects.set_tags, call.path["project_id"], [])


async def check_tag(call: IdentityCall) -> None:
    project = await _readable(call, "identity:get_project_tag")
    if call.path["tag"] not in project.tags:
        raise NotFound(f"Could not find project tag: {call.path['tag']}.")


async def add_tag(call: IdentityCall) -> Answer:
    await _manageable(call, "identity:create_project_tag")
    known, _ = attributes.read({"tags": [call.path["tag"]]}, Tags)
    await call.app.write(projects.add_tag, call.path["project_id"], known.tags[0])
    return Answer(status=201, headers={"Location": call.own_url})


async def remove_tag(call: IdentityCall) -> None:
    await _manageable(call, "identity:delete_project_tag")
    await call.app.write(projects.remove_tag, call.path["project_id"], call.path["tag"])


async def of_user(call: IdentityCall) -> Plain:
    """GET /v3/users/{id}/projects."""
    user_id = call.path["user_id"]
    permit(may_read(call.identity, owner=user_id), "identity:list_user_projects")
    found = await call.app.read(projects.of_user, user_id)
    return listing(call, "projects", [view(call, project) for project in found], _FILTERS)


async def of_token(call: IdentityCall) -> Plain:
    """GET /v3/auth/projects: where this user could have a token for."""
    found = await call.app.read(projects.of_user, call.identity.user_id)
    return listing(call, "projects", [view(call, project) for project in found if project.enabled])
