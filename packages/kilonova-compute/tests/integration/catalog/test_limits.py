"""Limits, quotas and usage, talked through."""

from typing import Any

import msgspec
import pytest
from kilonova_compute.app import servers
from kilonova_compute.store import servers as server_store
from kilonova_kit.errors import QuotaExceeded


async def absolute(cloud: Any, version: str = "2.1", role: str = "member") -> dict[str, int]:
    return (await cloud.get("/limits", role=role, version=version))["limits"]["absolute"]


async def test_limits_count_the_projects_own_servers(cloud: Any) -> None:
    await cloud.add_server(1)
    await cloud.add_server(2, project_id="elsewhere")
    have = await absolute(cloud)
    assert (have["totalInstancesUsed"], have["totalCoresUsed"], have["totalRAMUsed"]) == (1, 2, 128)
    others = await cloud.get("/limits?tenant_id=elsewhere")
    assert others["limits"]["absolute"]["totalInstancesUsed"] == 1
    assert (await cloud.ask("GET", "/limits?tenant_id=elsewhere", role="member")).status == 403


@pytest.mark.parametrize(
    ("version", "gone"),
    [
        ("2.35", set()),
        ("2.36", {"maxTotalFloatingIps", "maxSecurityGroups", "totalFloatingIpsUsed"}),
        ("2.39", {"maxImageMeta"}),
        ("2.57", {"maxPersonality", "maxPersonalitySize"}),
    ],
)
async def test_versions_drop_limits(cloud: Any, version: str, gone: set[str]) -> None:
    assert not gone & (await absolute(cloud, version)).keys()
    assert gone <= (await absolute(cloud)).keys()


async def test_a_projects_quotas_are_set_kept_and_forgotten(cloud: Any) -> None:
    quotas = "/os-quota-sets/home"
    assert (await cloud.ask("PUT", quotas, {"quota_set": {"cores": "4", "ram": -1}})).json()["quota_set"]["cores"] == 4
    assert (await cloud.get(quotas, role="member"))["quota_set"]["cores"] == 4
    assert (await cloud.get(f"{quotas}/detail"))["quota_set"]["cores"] == {"in_use": 0, "limit": 4, "reserved": 0}
    assert (await cloud.get(f"{quotas}/defaults"))["quota_set"]["cores"] == -1
    await servers.check_room(cloud.compute, "home", 2, 2, 1)
    with pytest.raises(QuotaExceeded, match="Quota exceeded for cores: Requested 6, but already used 0 of 4 cores"):
        await servers.check_room(cloud.compute, "home", 3, 2, 1)
    assert (await cloud.ask("DELETE", quotas)).status == 202
    await servers.check_room(cloud.compute, "home", 3, 2, 1)


async def test_a_user_of_a_project_may_have_less(cloud: Any) -> None:
    mine = "/os-quota-sets/home?user_id=the-member"
    assert (await cloud.ask("PUT", mine, {"quota_set": {"instances": 1}})).status == 200
    await cloud.add_server(1)
    with pytest.raises(QuotaExceeded):
        await servers.check_room(cloud.compute, "home", 1, 1, 1, user_id="the-member")
    await servers.check_room(cloud.compute, "home", 1, 1, 1, user_id="somebody-else")


async def test_less_than_is_used_needs_force(cloud: Any) -> None:
    await cloud.add_server(1)
    body = {"quota_set": {"cores": 1}}
    assert (await cloud.ask("PUT", "/os-quota-sets/home", body)).status == 400
    body["quota_set"]["force"] = True
    assert (await cloud.ask("PUT", "/os-quota-sets/home", body)).status == 200


@pytest.mark.parametrize(
    ("version", "name", "status"),
    [
        ("2.35", "floating_ips", 200),
        ("2.35", "networks", 200),
        ("2.36", "floating_ips", 400),
        ("2.57", "injected_files", 400),
        ("2.1", "x", 400),
    ],
)
async def test_quotas_have_their_versions(cloud: Any, version: str, name: str, status: int) -> None:
    body = {"quota_set": {name: 5}}
    assert (await cloud.ask("PUT", "/os-quota-sets/home", body, version=version)).status == status


async def test_quotas_of_others_are_for_administrators(cloud: Any) -> None:
    assert (await cloud.ask("GET", "/os-quota-sets/home", role="stranger")).status == 403
    assert (await cloud.ask("GET", "/os-quota-sets/home", role="reader")).status == 200


async def test_the_default_class_holds_for_all(cloud: Any) -> None:
    path = "/os-quota-class-sets/default"
    assert "server_groups" not in (await cloud.get(path, version="2.49"))["quota_class_set"]
    assert "server_groups" in (await cloud.get(path, version="2.50"))["quota_class_set"]
    reply = await cloud.ask("PUT", path, {"quota_class_set": {"instances": 7}}, version="2.50")
    assert reply.json()["quota_class_set"]["instances"] == 7
    assert (await absolute(cloud))["maxTotalInstances"] == 7


async def test_quotas_of_server_groups_could_always_be_set_for_the_class(cloud: Any) -> None:
    wanted = {"server_groups": 3, "server_group_members": 4, "networks": 5}
    path = "/os-quota-class-sets/default"
    assert (await cloud.ask("PUT", path, {"quota_class_set": wanted}, version="2.1")).status == 200
    have = (await cloud.get(path, version="2.50"))["quota_class_set"]
    assert (have["server_groups"], have["server_group_members"]) == (3, 4)
    assert (await cloud.ask("PUT", path, {"quota_class_set": wanted}, version="2.50")).status == 400


async def test_usage_is_summed_over_the_period(cloud: Any) -> None:
    await cloud.add_server(1, hours=3)
    await cloud.add_server(2, hours=1, project_id="elsewhere")
    usage = (await cloud.get("/os-simple-tenant-usage/home?start=2027-01-15T06:00:00", role="member"))["tenant_usage"]
    assert usage["total_hours"] == pytest.approx(2.0)
    assert usage["total_vcpus_usage"] == pytest.approx(4.0)
    assert usage["server_usages"][0]["uptime"] == 3 * 3600
    everybody = await cloud.get("/os-simple-tenant-usage?start=2027-01-15T00:00:00&detailed=1")
    assert {one["tenant_id"] for one in everybody["tenant_usages"]} == {"home", "elsewhere"}
    cloud.compute.page_limit = 1
    old = await cloud.get("/os-simple-tenant-usage?start=2027-01-15T00:00:00", version="2.39")
    assert {one["tenant_id"] for one in old["tenant_usages"]} == {"home", "elsewhere"}
    page = await cloud.get("/os-simple-tenant-usage?start=2027-01-15T00:00:00&limit=1", version="2.40")
    assert [one["tenant_id"] for one in page["tenant_usages"]] == ["home"]
    assert page["tenant_usages_links"][0]["rel"] == "next"
    assert await cloud.get("/os-simple-tenant-usage/nobody?start=2027-01-15T00:00:00") == {"tenant_usage": {}}
    for wrong in ("start=yesterday", "start=2027-01-15T00:00:00&end=2026-01-15T00:00:00"):
        assert (await cloud.ask("GET", f"/os-simple-tenant-usage?{wrong}")).status == 400


async def test_usage_without_a_period_is_that_of_this_moment(cloud: Any) -> None:
    await cloud.add_server(1, hours=3)
    for path in ("/os-simple-tenant-usage/home", "/os-simple-tenant-usage/home/"):
        usage = (await cloud.get(path))["tenant_usage"]
        assert (len(usage["server_usages"]), round(usage["total_hours"], 3)) == (1, 0.0)
    (one,) = (await cloud.get("/os-simple-tenant-usage?detailed=1"))["tenant_usages"]
    assert one["server_usages"][0]["state"] == "active"


async def test_a_project_without_an_id_has_no_usage(cloud: Any) -> None:
    assert (await cloud.ask("GET", "/os-simple-tenant-usage/?start=2027-01-15T00:00:00")).status == 404


async def test_what_found_no_host_is_a_server_and_holds_nothing(cloud: Any) -> None:
    server = await cloud.add_server(1)
    lost = msgspec.structs.replace(server, id="11111111-0000-4000-8000-000000000002", cell="cell0")
    cell0 = cloud.compute.cells.get("cell0")
    await cell0.database.write(lambda tx: server_store.add(tx, lost))
    await cloud.compute.announced(cell0)
    have = await absolute(cloud)
    assert (have["totalInstancesUsed"], have["totalCoresUsed"], have["totalRAMUsed"]) == (2, 2, 128)
