"""Projects: a tree below each domain, at most five deep, whose disabled branches stay as they are."""

from __future__ import annotations

from collections.abc import Iterable

from kilonova_kit.errors import BadRequest, Forbidden, NotFound
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding, removing
from kilonova_neighbours.identity.app.changes import Values, changed, kept_options
from kilonova_neighbours.identity.app.roles_of import above, actors_of, assigned
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.projects import Project

MOST_TAGS = 80
#: [DEFAULT] max_project_tree_depth of Keystone; the domain counts as a level.
_DEEPEST = 5


def create(work: Work, values: Values, extra: Values) -> Project:
    """``values`` holds a ``domain_id``; the parent's domain is taken where only the parent is given."""
    values = {**values, "options": kept_options(values.get("options")), "description": values.get("description") or ""}
    if values.pop("is_domain", False):
        return _create_domain(work, values, extra)
    parent_id = values.pop("parent_id", None)
    parent = finding.project(work, parent_id) if parent_id else None
    domain_id = values.pop("domain_id", None) or (parent and (parent.domain_id or parent.id))
    domain = finding.domain(work, domain_id or "")
    parent = parent or domain
    _refuse_parent(work, parent, domain)
    finding.refuse_taken(
        store.PROJECTS.get(work.tx, name=values["name"], domain_id=domain.id), "project", values["name"], domain.id
    )
    project = Project(id=new_hex_id(), domain_id=domain.id, parent_id=parent.id, extra=extra, **values)
    return store.PROJECTS.add(work.tx, project)


def _create_domain(work: Work, values: Values, extra: Values) -> Project:
    if values.pop("domain_id", None) or values.pop("parent_id", None):
        raise BadRequest("A domain can have neither a domain nor a parent.")
    values = {name: value for name, value in values.items() if name not in ("domain_id", "parent_id")}
    finding.refuse_taken(store.PROJECTS.get(work.tx, name=values["name"], domain_id=""), "domain", values["name"])
    wanted_id = values.pop("explicit_domain_id", None) or new_hex_id()
    finding.refuse_taken(store.PROJECTS.get(work.tx, id=wanted_id), "domain", wanted_id)
    domain = Project(id=wanted_id, domain_id="", parent_id="", is_domain=True, extra=extra, **values)
    return store.PROJECTS.add(work.tx, domain)


def _refuse_parent(work: Work, parent: Project, domain: Project) -> None:
    if (parent.domain_id or parent.id) != domain.id:
        raise BadRequest("Invalid domain_id: a project must be in the same domain as its parent.")
    line = [parent, *above(work, parent)]
    if any(not project.enabled for project in line):
        raise BadRequest("Cannot create project in a branch containing a disabled project.")
    if len(line) > _DEEPEST:
        raise Forbidden(f"Max hierarchy depth reached for {parent.id} branch.")


def change(work: Work, project_id: str, values: Values, extra: Values) -> Project:
    """Raises Forbidden for a new parent, or for enabling or disabling against the rest of the branch."""
    project = finding.project(work, project_id)
    finding.refuse_immutable(project, "project", {**values, **extra})
    values = _refuse_moves(project, values)
    name = values.get("name", project.name)
    if name != project.name:
        taken = store.PROJECTS.get(work.tx, name=name, domain_id=project.domain_id)
        finding.refuse_taken(taken, "domain" if project.is_domain else "project", name, project.domain_id)
    if "description" in values:
        values["description"] = values["description"] or ""
    if values.get("enabled", project.enabled) != project.enabled:
        _refuse_switch(work, project)
        if project.enabled:
            values["tokens_valid_from"] = work.now
    return store.PROJECTS.change(work.tx, changed(project, values, extra))


def _refuse_moves(project: Project, values: Values) -> Values:
    """What never changes may be said again, but not otherwise. Returns what is left to change."""
    values = dict(values)
    if "parent_id" in values and (values.pop("parent_id") or "") != project.parent_id:
        raise Forbidden("Update of `parent_id` is not allowed.")
    if "domain_id" in values and (values.pop("domain_id") or "") != project.domain_id:
        raise BadRequest("Update of `domain_id` is not allowed.")
    if "is_domain" in values and values.pop("is_domain") != project.is_domain:
        raise BadRequest("Update of `is_domain` is not allowed.")
    return values


def _refuse_switch(work: Work, project: Project) -> None:
    if project.is_domain:
        return
    if project.enabled and any(child.enabled for child in below(work, project)):
        raise Forbidden(f"Cannot disable project {project.id} since its subtree contains enabled projects.")
    if not project.enabled and any(not parent.enabled for parent in above(work, project)):
        raise Forbidden(f"Cannot enable project {project.id} since it has disabled parents.")


def delete(work: Work, project_id: str) -> None:
    project = finding.project(work, project_id)
    finding.refuse_immutable(project, "project")
    if project.is_domain:
        removing.domain(work, project)
        return
    if store.PROJECTS.get(work.tx, parent_id=project.id):
        raise Forbidden(f"Cannot delete the project {project.id} since it is not a leaf in the hierarchy.")
    removing.project(work, project)


def below(work: Work, project: Project) -> list[Project]:
    """All descendants, parents before children."""
    found, ahead = list[Project](), [project]
    while ahead:
        children = store.PROJECTS.find(work.tx, parent_id=[parent.id for parent in ahead])
        found += children
        ahead = children
    return found


def show(work: Work, project_id: str) -> Project:
    return finding.project(work, project_id)


def find(work: Work, equals: Values) -> list[Project]:
    return store.PROJECTS.find(work.tx, **equals)


def relatives(work: Work, project_id: str) -> tuple[list[Project], list[Project]]:
    """Ancestors, nearest first, and descendants."""
    project = finding.project(work, project_id)
    return above(work, project), below(work, project)


def reachable(work: Work, user_id: str, projects: Iterable[Project]) -> list[Project]:
    """Those on which the user has a role."""
    actors = actors_of(work, user_id)
    return [
        project for project in projects if assigned(work, actors, "domain" if project.is_domain else "project", project)
    ]


def of_user(work: Work, user_id: str) -> list[Project]:
    """The projects where a user has a role: directly, by a group, or inherited."""
    rows = store.ASSIGNMENTS.find(work.tx, actor_id=actors_of(work, user_id), target_kind=["project", "domain"])
    found = dict[str, Project]()
    for row in rows:
        target = store.PROJECTS.get(work.tx, id=row.target_id)
        if target is None:
            continue
        if row.inherited:
            found.update((project.id, project) for project in below(work, target))
        elif row.target_kind == "project":
            found[target.id] = target
    return sorted(found.values(), key=lambda project: project.name)


def domains_of_user(work: Work, user_id: str) -> list[Project]:
    rows = store.ASSIGNMENTS.find(work.tx, actor_id=actors_of(work, user_id), target_kind="domain", inherited=False)
    return store.PROJECTS.find(work.tx, id={row.target_id for row in rows}, is_domain=True)


def set_tags(work: Work, project_id: str, tags: list[str]) -> Project:
    project = finding.project(work, project_id)
    finding.refuse_immutable(project, "project")
    unique = list(dict.fromkeys(tags))
    if len(unique) > MOST_TAGS:
        raise BadRequest(f"A project can have {MOST_TAGS} tags.")
    return store.PROJECTS.change(work.tx, changed(project, {"tags": unique}))


def add_tag(work: Work, project_id: str, tag: str) -> Project:
    return set_tags(work, project_id, [*finding.project(work, project_id).tags, tag])


def remove_tag(work: Work, project_id: str, tag: str) -> Project:
    project = finding.project(work, project_id)
    if tag not in project.tags:
        raise NotFound(f"Could not find project tag: {tag}.")
    return set_tags(work, project_id, [known for known in project.tags if known != tag])
