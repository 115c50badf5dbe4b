from __future__ import annotations

from typing import Any


async def test_a_network_is_opened_to_one_project_and_closed_again(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    share = {"object_type": "network", "object_id": network, "action": "access_as_shared", "target_tenant": "blue"}
    policy = await cloud.make("alice", "rbac_policy", **share)
    seen = (await cloud.get("bob", f"/networks/{network}"))["network"]
    assert (seen["shared"], len((await cloud.get("bob", "/subnets"))["subnets"])) == (True, 1)
    assert (await cloud.get("alice", f"/networks/{network}"))["network"]["shared"] is False
    port = await cloud.make("bob", "port", network_id=network)
    path = f"/rbac-policies/{policy['id']}"
    assert (await cloud.refusal("alice", "DELETE", path))[:2] == (409, "RbacPolicyInUse")
    refused = await cloud.refusal("alice", "POST", "/rbac-policies", {"rbac_policy": share})
    assert refused[:2] == (409, "DuplicateRbacPolicy")
    await cloud.drop("bob", "port", port["id"])
    assert (await cloud.ask("alice", "DELETE", path)).status == 204
    assert (await cloud.refusal("bob", "GET", f"/networks/{network}"))[0] == 404


async def test_only_an_admin_opens_a_network_to_all(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    share = {"object_type": "network", "object_id": network, "action": "access_as_shared", "target_tenant": "*"}
    refused = await cloud.refusal("alice", "POST", "/rbac-policies", {"rbac_policy": share})
    assert refused[:2] == (403, "PolicyNotAuthorized")
    policy = await cloud.make("admin", "rbac_policy", **share)
    assert (await cloud.get("bob", f"/networks/{network}"))["network"]["shared"] is True
    await cloud.change("admin", "network", network, shared=False)
    listed = (await cloud.get("admin", "/rbac-policies"))["rbac_policies"]
    assert policy["id"] not in [found["id"] for found in listed]


async def test_a_network_in_use_by_others_stays_shared(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet("admin")
    await cloud.change("admin", "network", network, shared=True)
    await cloud.make("bob", "port", network_id=network)
    refused = await cloud.refusal("admin", "PUT", f"/networks/{network}", {"network": {"shared": False}})
    assert refused[:2] == (409, "InvalidSharedSetting")


async def test_a_policy_does_not_become_one_that_is_there(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    share = {"object_type": "network", "object_id": network, "action": "access_as_shared"}
    await cloud.make("alice", "rbac_policy", **share, target_tenant="blue")
    policy = await cloud.make("alice", "rbac_policy", **share, target_tenant="green")
    path, body = f"/rbac-policies/{policy['id']}", {"rbac_policy": {"target_tenant": "blue"}}
    assert (await cloud.refusal("alice", "PUT", path, body))[:2] == (409, "DuplicateRbacPolicy")
    reply = await cloud.ask("alice", "PUT", path, {"rbac_policy": {"target_tenant": "green"}})
    assert reply.status == 200


async def test_lists_of_shared_networks_hold_those_that_are_shared_with_the_caller(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet()
    own = await cloud.make("bob", "network", name="own")
    share = {"object_type": "network", "object_id": network, "action": "access_as_shared", "target_tenant": "blue"}
    await cloud.make("alice", "rbac_policy", **share)

    async def listed(who: str, shared: bool) -> set[str]:
        found = (await cloud.get(who, "/networks", shared=shared))["networks"]
        assert {each["shared"] for each in found} <= {shared}
        return {each["id"] for each in found}

    assert await listed("bob", True) == {network}
    assert await listed("bob", False) == {own["id"]}
    assert await listed("alice", True) == set()
    assert await listed("alice", False) == {network}


async def test_what_is_external_for_others_is_not_for_all(cloud: Any) -> None:
    network, _ = await cloud.network_with_subnet("admin")
    opened = {"object_type": "network", "object_id": network}
    await cloud.make("admin", "rbac_policy", **opened, action="access_as_external", target_tenant="green")
    await cloud.make("admin", "rbac_policy", **opened, action="access_as_shared", target_tenant="blue")
    body = {"router": {"external_gateway_info": {"network_id": network}}}
    assert (await cloud.refusal("bob", "POST", "/routers", body))[0] == 400
    await cloud.make("admin", "rbac_policy", **opened, action="access_as_external", target_tenant="blue")
    assert (await cloud.ask("bob", "POST", "/routers", body)).status == 201
