"""OS-EP-FILTER on the wire: endpoint groups, and which project sees which endpoint."""

from __future__ import annotations

from kilonova_neighbours.identity.api import attributes, projects, services
from kilonova_neighbours.identity.api.answers import Plain, link, listing
from kilonova_neighbours.identity.api.permits import IdentityCall
from kilonova_neighbours.identity.api.types.services import CreateEndpointGroup, UpdateEndpointGroup
from kilonova_neighbours.identity.app import endpoint_filters
from kilonova_neighbours.identity.model.catalog import Endpoint, EndpointGroup
from kilonova_neighbours.identity.model.projects import Project


def view(call: IdentityCall, group: EndpointGroup) -> Plain:
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "filters": group.filters,
        "links": {"self": link(call, "OS-EP-FILTER", "endpoint_groups", group.id)},
    }


def _groups(call: IdentityCall, groups: list[EndpointGroup]) -> Plain:
    return listing(call, "endpoint_groups", [view(call, group) for group in groups], ("name",))


def _endpoints(call: IdentityCall, found: list[Endpoint]) -> Plain:
    return listing(call, "endpoints", [services.endpoint_view(call, endpoint) for endpoint in found])


def _projects(call: IdentityCall, found: list[Project]) -> Plain:
    return listing(call, "projects", [projects.view(call, project) for project in found])


async def create_group(call: IdentityCall) -> Plain:
    known, _ = attributes.read(call.body.endpoint_group, CreateEndpointGroup)
    group = await call.app.write(endpoint_filters.create_group, attributes.given(known))
    return {"endpoint_group": view(call, group)}


async def list_groups(call: IdentityCall) -> Plain:
    return _groups(call, await call.app.read(endpoint_filters.groups, {}))


async def show_group(call: IdentityCall) -> Plain:
    return {"endpoint_group": view(call, await call.app.read(endpoint_filters.group, call.path["endpoint_group_id"]))}


async def update_group(call: IdentityCall) -> Plain:
    known, _ = attributes.read(call.body.endpoint_group, UpdateEndpointGroup)
    values = attributes.given(known)
    group = await call.app.write(endpoint_filters.change_group, call.path["endpoint_group_id"], values)
    return {"endpoint_group": view(call, group)}


async def delete_group(call: IdentityCall) -> None:
    await call.app.write(endpoint_filters.delete_group, call.path["endpoint_group_id"])


async def endpoints_in_group(call: IdentityCall) -> Plain:
    return _endpoints(call, await call.app.read(endpoint_filters.endpoints_in, call.path["endpoint_group_id"]))


async def projects_of_group(call: IdentityCall) -> Plain:
    return _projects(call, await call.app.read(endpoint_filters.projects_of_group, call.path["endpoint_group_id"]))


async def groups_of_project(call: IdentityCall) -> Plain:
    return _groups(call, await call.app.read(endpoint_filters.groups_of_project, call.path["project_id"]))


async def give_group(call: IdentityCall) -> None:
    await call.app.write(endpoint_filters.give_group, call.path["endpoint_group_id"], call.path["project_id"])


async def show_group_of_project(call: IdentityCall) -> Plain:
    path = call.path
    group = await call.app.read(endpoint_filters.check_group, path["endpoint_group_id"], path["project_id"])
    return {"endpoint_group": view(call, group)}


async def take_group(call: IdentityCall) -> None:
    await call.app.write(endpoint_filters.take_group, call.path["endpoint_group_id"], call.path["project_id"])


async def endpoints_of_project(call: IdentityCall) -> Plain:
    return _endpoints(call, await call.app.read(endpoint_filters.endpoints_of_project, call.path["project_id"]))


async def projects_of_endpoint(call: IdentityCall) -> Plain:
    return _projects(call, await call.app.read(endpoint_filters.projects_of_endpoint, call.path["endpoint_id"]))


async def give_endpoint(call: IdentityCall) -> None:
    await call.app.write(endpoint_filters.give_endpoint, call.path["project_id"], call.path["endpoint_id"])


async def check_endpoint(call: IdentityCall) -> None:
    await call.app.read(endpoint_filters.check_endpoint, call.path["project_id"], call.path["endpoint_id"])


async def take_endpoint(call: IdentityCall) -> None:
    await call.app.write(endpoint_filters.take_endpoint, call.path["project_id"], call.path["endpoint_id"])
