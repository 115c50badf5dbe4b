"""OS-EP-FILTER: which endpoints a project sees, one by one or by group."""

from __future__ import annotations

from kilonova_kit.errors import NotFound
from kilonova_kit.ids import new_hex_id

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding, services
from kilonova_neighbours.identity.app.catalog import chosen_for, in_group
from kilonova_neighbours.identity.app.changes import Values, changed
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.catalog import Endpoint, EndpointGroup, ProjectEndpoint, ProjectEndpointGroup
from kilonova_neighbours.identity.model.projects import Project


def group(work: Work, group_id: str) -> EndpointGroup:
    return finding.must(store.ENDPOINT_GROUPS.get(work.tx, id=group_id), "endpoint group", group_id)


def groups(work: Work, equals: Values) -> list[EndpointGroup]:
    return store.ENDPOINT_GROUPS.find(work.tx, **equals)


def create_group(work: Work, values: Values) -> EndpointGroup:
    return store.ENDPOINT_GROUPS.add(work.tx, EndpointGroup(id=new_hex_id(), **values))


def change_group(work: Work, group_id: str, values: Values) -> EndpointGroup:
    return store.ENDPOINT_GROUPS.change(work.tx, changed(group(work, group_id), values))


def delete_group(work: Work, group_id: str) -> None:
    group(work, group_id)
    store.PROJECT_ENDPOINT_GROUPS.remove(work.tx, endpoint_group_id=group_id)
    store.ENDPOINT_GROUPS.remove(work.tx, id=group_id)


def endpoints_in(work: Work, group_id: str) -> list[Endpoint]:
    known = group(work, group_id)
    return [endpoint for endpoint in store.ENDPOINTS.find(work.tx) if in_group(endpoint, known)]


def projects_of_group(work: Work, group_id: str) -> list[Project]:
    group(work, group_id)
    rows = store.PROJECT_ENDPOINT_GROUPS.find(work.tx, endpoint_group_id=group_id)
    return store.PROJECTS.find(work.tx, id=[row.project_id for row in rows])


def groups_of_project(work: Work, project_id: str) -> list[EndpointGroup]:
    finding.project(work, project_id)
    rows = store.PROJECT_ENDPOINT_GROUPS.find(work.tx, project_id=project_id)
    return store.ENDPOINT_GROUPS.find(work.tx, id=[row.endpoint_group_id for row in rows])


def give_group(work: Work, group_id: str, project_id: str) -> None:
    group(work, group_id)
    finding.project(work, project_id)
    if store.PROJECT_ENDPOINT_GROUPS.get(work.tx, endpoint_group_id=group_id, project_id=project_id) is None:
        store.PROJECT_ENDPOINT_GROUPS.add(
            work.tx, ProjectEndpointGroup(endpoint_group_id=group_id, project_id=project_id)
        )


def check_group(work: Work, group_id: str, project_id: str) -> EndpointGroup:
    """Raises NotFound for a group that the project was not given."""
    known = group(work, group_id)
    finding.project(work, project_id)
    if store.PROJECT_ENDPOINT_GROUPS.get(work.tx, endpoint_group_id=group_id, project_id=project_id) is None:
        raise NotFound("Endpoint Group Project Association not found")
    return known


def take_group(work: Work, group_id: str, project_id: str) -> None:
    check_group(work, group_id, project_id)
    store.PROJECT_ENDPOINT_GROUPS.remove(work.tx, endpoint_group_id=group_id, project_id=project_id)


def endpoints_of_project(work: Work, project_id: str) -> list[Endpoint]:
    finding.project(work, project_id)
    return chosen_for(work, project_id, store.ENDPOINTS.find(work.tx))


def projects_of_endpoint(work: Work, endpoint_id: str) -> list[Project]:
    services.endpoint(work, endpoint_id)
    rows = store.PROJECT_ENDPOINTS.find(work.tx, endpoint_id=endpoint_id)
    return store.PROJECTS.find(work.tx, id=[row.project_id for row in rows])


def give_endpoint(work: Work, project_id: str, endpoint_id: str) -> None:
    finding.project(work, project_id)
    services.endpoint(work, endpoint_id)
    if store.PROJECT_ENDPOINTS.get(work.tx, project_id=project_id, endpoint_id=endpoint_id) is None:
        store.PROJECT_ENDPOINTS.add(work.tx, ProjectEndpoint(project_id=project_id, endpoint_id=endpoint_id))


def check_endpoint(work: Work, project_id: str, endpoint_id: str) -> None:
    """Raises NotFound for an endpoint that the project was not given."""
    finding.project(work, project_id)
    services.endpoint(work, endpoint_id)
    if store.PROJECT_ENDPOINTS.get(work.tx, project_id=project_id, endpoint_id=endpoint_id) is None:
        raise NotFound(f"Endpoint {endpoint_id} not found in project {project_id}")


def take_endpoint(work: Work, project_id: str, endpoint_id: str) -> None:
    check_endpoint(work, project_id, endpoint_id)
    store.PROJECT_ENDPOINTS.remove(work.tx, project_id=project_id, endpoint_id=endpoint_id)
