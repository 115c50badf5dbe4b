"""What needs no token, and who is refused everything else."""

from typing import Any

import pytest
from kilonova_compute.api.catalog_routes import OPERATIONS
from kilonova_compute.api.versions import MAXIMUM
from kilonova_kit.http.operations import Operation

#: What every bearer of a token may call; what more their handlers ask for is told in the other files.
FOR_EVERYBODY = {
    "flavors.index", "flavors.detail", "flavors.show", "flavors.act", "keypairs.index", "keypairs.create",
    "keypairs.show", "keypairs.delete", "limits.index", "quotas.defaults", "availability_zones.index",
    "aggregates.act", "extensions.index", "extensions.show",
}  # fmt: skip
FOR_READERS = {
    "flavor_extra_specs.index", "flavor_extra_specs.show", "quotas.show", "quotas.detail", "usage.show",
    "server_groups.index", "server_groups.show",
}  # fmt: skip
FOR_MEMBERS = {"server_groups.create", "server_groups.delete"}
GUARDED = [operation for operation in OPERATIONS if not operation.public and "(gone)" not in operation.summary]
ADMIN_ONLY = [
    operation
    for operation in GUARDED
    if operation.name not in FOR_EVERYBODY | FOR_READERS | FOR_MEMBERS and operation.summary != "Removed."
]


async def tried(cloud: Any, operation: Operation, role: str | None) -> int:
    path = operation.path
    for name in ("flavor_id", "key", "name", "project_id", "service_id", "hypervisor_id", "aggregate_id", "group_id"):
        path = path.replace(f"{{{name}}}", "x")
    path = path.replace("{alias}", "x").replace("{identifier}", "x").replace("{before}", "x")
    version = operation.since if operation.since > (2, 1) else (2, 1)
    reply = await cloud.ask(operation.method, path, {}, role=role, version=f"{version[0]}.{version[1]}")
    return reply.status


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
async def test_nothing_is_said_without_a_token(cloud: Any, operation: Operation) -> None:
    assert await tried(cloud, operation, None) == 401
    assert await tried(cloud, operation, "nonsense") == 401


@pytest.mark.parametrize("operation", ADMIN_ONLY, ids=lambda operation: operation.name)
async def test_members_are_refused_what_is_for_administrators(cloud: Any, operation: Operation) -> None:
    assert await tried(cloud, operation, "member") == 403


@pytest.mark.parametrize("name", sorted(FOR_MEMBERS))
async def test_readers_change_nothing(cloud: Any, name: str) -> None:
    (operation,) = [one for one in OPERATIONS if one.name == name]
    assert await tried(cloud, operation, "reader") == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/flavors/1/action", {"addTenantAccess": {"tenant": "home"}}),
        ("/flavors/1/action", {"removeTenantAccess": {"tenant": "home"}}),
        ("/os-aggregates/1/action", {"add_host": {"host": "a"}}),
        ("/os-aggregates/1/action", {"remove_host": {"host": "a"}}),
        ("/os-aggregates/1/action", {"set_metadata": {"metadata": {}}}),
        ("//host-tokens", {"cell": "cell1"}),
    ],
)
async def test_members_are_refused_actions_for_administrators(cloud: Any, path: str, body: dict[str, Any]) -> None:
    assert (await cloud.ask("POST", path, body, role="member")).status == 403


async def test_versions_are_told_without_a_token(cloud: Any) -> None:
    newest = f"{MAXIMUM[0]}.{MAXIMUM[1]}"
    versions = (await cloud.get("//", role=None))["versions"]
    assert [(one["id"], one["status"], one["version"]) for one in versions] == [
        ("v2.0", "SUPPORTED", ""), ("v2.1", "CURRENT", newest),
    ]  # fmt: skip
    document = (await cloud.get("/", role=None))["version"]
    assert (document["min_version"], document["version"]) == ("2.1", newest)
    assert document["links"][0]["href"].endswith("/compute/v2.1/")
    for path in ("//v2", "//v2/"):
        assert (await cloud.get(path, role=None))["version"]["id"] == "v2.0"


async def test_a_project_in_the_url_changes_nothing(cloud: Any) -> None:
    project = "0123456789abcdef0123456789abcdef"
    assert len((await cloud.get(f"/{project}/flavors"))["flavors"]) == 3


async def test_a_token_for_a_host_is_given_out_per_cell(cloud: Any) -> None:
    reply = await cloud.ask("POST", "//host-tokens", {"cell": "cell1"})
    assert len(reply.json()["token"]) > 30
    assert (await cloud.ask("POST", "//host-tokens", {"cell": "nowhere"})).status == 404


async def test_what_was_removed_long_ago_is_gone(cloud: Any) -> None:
    for path in ("/os-cells", "/os-agents/1", "/os-fping"):
        reply = await cloud.ask("GET", path)
        assert reply.status == 410
        assert reply.message() == "This resource is no longer available. No forwarding address is given."


async def test_extensions_have_the_names_of_the_first_version(cloud: Any) -> None:
    assert (await cloud.get("/extensions/os-keypairs"))["extension"]["alias"] == "os-keypairs"
    names = {one["alias"]: one["name"] for one in (await cloud.get("/extensions"))["extensions"]}
    assert names["OS-EXT-IMG-SIZE"] == "ImageSize"
    assert "os-volumes" not in names
