"""Who is refused, as a table: every operation of the service is in it."""

from __future__ import annotations

from typing import Any

import pytest
from kilonova_kit.http.operations import Operation
from kilonova_neighbours.network.service import SERVICE

_PUBLIC = {"list_versions", "show_version"}
_ANY_TOKEN = {"list_extensions", "show_extension"}
_ADMIN = {
    "list_quotas",
    "update_quota",
    "delete_quota",
    "show_agent",
    "show_network_ip_availability",
}


def _too_small(operation: Operation) -> str:
    """A token whose role is just too small: admins' things for a member, writing for a reader, reading for none."""
    if operation.name in _ADMIN:
        return "alice"
    return "nobody" if operation.method == "GET" else "watcher"


def _path(operation: Operation) -> str:
    path = operation.path
    for name in ("id", "project_id", "alias", "tag"):
        path = path.replace("{" + name + "}", "x")
    return path


@pytest.mark.parametrize("operation", SERVICE.operations, ids=lambda operation: operation.name)
async def test_strangers_and_small_roles_are_refused(cloud: Any, operation: Operation) -> None:
    if operation.name in _PUBLIC:
        path = "" if operation.path == "//" else "/v2.0"
        assert (await cloud.client.request("GET", path + "/")).status == 200
        return
    path, body = _path(operation), {} if operation.takes else None
    assert (await cloud.ask("", operation.method, path, body)).status == 401
    assert (await cloud.ask("forged", operation.method, path, body)).status == 401
    if operation.name not in _ANY_TOKEN:
        refused = await cloud.refusal(_too_small(operation), operation.method, path, body)
        assert refused[:2] == (403, "PolicyNotAuthorized")


async def test_versions_resources_and_extensions_are_listed(cloud: Any) -> None:
    versions = (await cloud.client.request("GET", "/")).json()["versions"]
    assert [(version["id"], version["status"]) for version in versions] == [("v2.0", "CURRENT")]
    resources = (await cloud.client.request("GET", "/v2.0")).json()["resources"]
    assert "security_groups" in [resource["collection"] for resource in resources]
    for extension in (await cloud.get("alice", "/extensions"))["extensions"]:
        shown = await cloud.get("alice", f"/extensions/{extension['alias']}")
        assert shown["extension"] == extension
    assert (await cloud.refusal("alice", "GET", "/extensions/floating-ip"))[:2] == (404, "HTTPNotFound")


async def test_agents_and_zones_are_listed(cloud: Any) -> None:
    assert (await cloud.get("admin", "/agents"))["agents"] == []
    assert (await cloud.refusal("admin", "GET", "/agents/x"))[:2] == (404, "AgentNotFound")
    zones = (await cloud.get("alice", "/availability_zones"))["availability_zones"]
    zone = {"name": "nova", "state": "available"}
    assert zones == [zone | {"resource": "network"}, zone | {"resource": "router"}]
    assert (await cloud.app.ready()) == []


async def test_a_service_that_speaks_for_a_member_gets_no_more_than_the_member(cloud: Any) -> None:
    network = await cloud.make("alice", "network", name="mine")
    for_bob = {"X-Service-Token": "compute"}
    refused = await cloud.refusal("bob", "GET", f"/networks/{network['id']}", headers=for_bob)
    assert refused[:2] == (404, "NetworkNotFound")
    assert (await cloud.get("compute", f"/networks/{network['id']}"))["network"]["name"] == "mine"
