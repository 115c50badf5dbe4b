"""The service's versions, and the collections that are there."""

from __future__ import annotations

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, anyone

from kilonova_neighbours.network.api.resources import NetworkCall
from kilonova_neighbours.network.model.records import Record

_COLLECTIONS = (
    "subnet",
    "network",
    "port",
    "security_group",
    "security_group_rule",
    "subnetpool",
    "address_scope",
    "rbac_policy",
    "router",
    "quota",
    "extension",
    "agent",
    "availability_zone",
    "network_ip_availability",
)
_PLURALS = {"policy": "policies", "availability": "availabilities"}


async def _versions(call: NetworkCall) -> Record:
    link = {"rel": "self", "href": call.base_url + "/"}
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}


async def _resources(call: NetworkCall) -> Record:
    return {"resources": [_resource(call.base_url, name) for name in _COLLECTIONS]}


def _resource(base_url: str, name: str) -> Record:
    head, _, last = name.rpartition("_")
    collection = (head + "_" if head else "") + _PLURALS.get(last, last + "s")
    link = {"rel": "self", "href": f"{base_url}/{collection.replace('_', '-')}"}
    return {"name": name, "collection": collection, "links": [link]}


OPERATIONS = (
    Operation(
        name="list_versions",
        method="GET",
        path="//",
        handler=_versions,
        policy=Policy("list_versions", anyone),
        public=True,
    ),
    Operation(
        name="show_version",
        method="GET",
        path="/",
        handler=_resources,
        policy=Policy("show_version", anyone),
        public=True,
    ),
)
