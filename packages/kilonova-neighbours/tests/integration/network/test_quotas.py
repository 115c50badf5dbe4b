from __future__ import annotations

from typing import Any

from kilonova_neighbours.network.settings import DEFAULT_QUOTAS


async def test_a_project_has_the_defaults_until_an_admin_says_otherwise(cloud: Any) -> None:
    assert (await cloud.get("alice", "/quotas/red"))["quota"] == DEFAULT_QUOTAS
    reply = await cloud.ask("admin", "PUT", "/quotas/red", {"quota": {"port": 1, "network": "2"}})
    assert reply.json()["quota"] == DEFAULT_QUOTAS | {"port": 1, "network": 2}
    assert (await cloud.get("alice", "/quotas/red/default"))["quota"] == DEFAULT_QUOTAS
    listed = (await cloud.get("admin", "/quotas"))["quotas"]
    assert [(quota["project_id"], quota["port"]) for quota in listed] == [("red", 1)]
    assert (await cloud.ask("admin", "DELETE", "/quotas/red")).status == 204
    assert (await cloud.get("alice", "/quotas/red"))["quota"] == DEFAULT_QUOTAS
    assert (await cloud.refusal("admin", "DELETE", "/quotas/red"))[:2] == (404, "TenantQuotaNotFound")


async def test_one_port_too_many_is_refused_and_details_say_why(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    await cloud.ask("admin", "PUT", "/quotas/red", {"quota": {"port": 1}})
    port = await cloud.make("alice", "port", network_id=network)
    refused = await cloud.refusal("alice", "POST", "/ports", {"port": {"network_id": network}})
    assert refused == (409, "OverQuota", "Quota exceeded for resources: ['port'].")
    details = (await cloud.get("alice", "/quotas/red/details"))["quota"]
    assert details["port"] == {"limit": 1, "used": 1, "reserved": 0}
    lower = {"quota": {"port": 0, "check_limit": True}}
    assert (await cloud.refusal("admin", "PUT", "/quotas/red", lower))[:2] == (400, "InvalidInput")
    await cloud.drop("alice", "port", port["id"])
    await cloud.make("alice", "port", network_id=network)


async def test_quotas_of_others_and_nonsense_are_refused(cloud: Any) -> None:
    assert (await cloud.refusal("alice", "GET", "/quotas/blue"))[:2] == (403, "PolicyNotAuthorized")
    for quota in ({"unicorn": 1}, {"port": -2}, {"port": "many"}):
        assert (await cloud.refusal("admin", "PUT", "/quotas/red", {"quota": quota}))[0] == 400
    assert (await cloud.refusal("admin", "PUT", "/quotas/red", {"port": 1}))[0] == 400
