"""Routers: their gateways, extra routes and quota."""

from __future__ import annotations

from typing import Any

_NOWHERE = "00000000-0000-0000-0000-000000000000"


async def _external(cloud: Any) -> tuple[str, str]:
    """An external network of the admin with a subnet: their ids."""
    network = await cloud.make("admin", "network", name="public", **{"router:external": True})
    subnet = await cloud.make("admin", "subnet", network_id=network["id"], cidr="203.0.113.0/24", ip_version=4)
    return network["id"], subnet["id"]


async def _update(cloud: Any, who: str, router: str, **changes: Any) -> tuple[int, str, str]:
    found: tuple[int, str, str] = await cloud.refusal(who, "PUT", f"/routers/{router}", {"router": changes})
    return found


async def test_a_router_shows_what_neutron_shows(cloud: Any) -> None:
    router = await cloud.make("alice", "router", name="way", admin_state_up=False)
    assert router | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "name": "way",
        "description": "",
        "project_id": "red",
        "tenant_id": "red",
        "admin_state_up": False,
        "status": "ACTIVE",
        "external_gateway_info": None,
        "routes": [],
        "availability_zone_hints": [],
        "availability_zones": ["nova"],
        "revision_number": 1,
        "tags": [],
        "created_at": "",
        "updated_at": "",
    }
    changed = await cloud.change("alice", "router", router["id"], name="other way", admin_state_up=True)
    assert (changed["name"], changed["admin_state_up"], changed["revision_number"]) == ("other way", True, 2)
    assert (await cloud.get("alice", "/routers", name="other way"))["routers"] == [changed]
    await cloud.drop("alice", "router", router["id"])
    expected = (404, "RouterNotFound", f"Router {router['id']} could not be found")
    assert await cloud.refusal("alice", "GET", f"/routers/{router['id']}") == expected


async def test_routers_are_listed_in_pages_sorted_and_with_chosen_fields(cloud: Any) -> None:
    for name in ("c", "a", "b"):
        await cloud.make("alice", "router", name=name)
    page = await cloud.get("alice", "/routers", sort_key="name", sort_dir="asc", limit=2, fields="name")
    assert page["routers"] == [{"name": "a"}, {"name": "b"}]
    assert [link["rel"] for link in page["routers_links"]][:1] == ["next"]


async def test_strangers_do_not_find_a_router(cloud: Any) -> None:
    router = (await cloud.make("alice", "router"))["id"]
    assert (await cloud.get("bob", "/routers"))["routers"] == []
    assert (await cloud.refusal("bob", "GET", f"/routers/{router}"))[:2] == (404, "RouterNotFound")
    assert (await cloud.refusal("bob", "DELETE", f"/routers/{router}"))[:2] == (404, "RouterNotFound")
    assert (await _update(cloud, "bob", router, name="mine"))[:2] == (404, "RouterNotFound")
    for verb in ("add_router_interface", "remove_router_interface"):
        body = {"subnet_id": _NOWHERE}
        assert (await cloud.refusal("bob", "PUT", f"/routers/{router}/{verb}", body))[:2] == (404, "RouterNotFound")
    for verb in ("add_extraroutes", "remove_extraroutes"):
        body = {"router": {"routes": []}}
        assert (await cloud.refusal("bob", "PUT", f"/routers/{router}/{verb}", body))[:2] == (404, "RouterNotFound")


async def test_a_gateway_has_an_address_of_the_external_network_and_belongs_to_nobody(cloud: Any) -> None:
    network, subnet = await _external(cloud)
    router = await cloud.make("alice", "router", external_gateway_info={"network_id": network})
    info = router["external_gateway_info"]
    assert (info["network_id"], info["enable_snat"]) == (network, True)
    assert [fixed["subnet_id"] for fixed in info["external_fixed_ips"]] == [subnet]
    seen = await cloud.get("admin", "/ports", device_owner="network:router_gateway")
    assert [(port["device_id"], port["project_id"], port["status"]) for port in seen["ports"]] == [
        (router["id"], "", "ACTIVE")
    ]
    assert seen["ports"][0]["fixed_ips"] == info["external_fixed_ips"]
    assert (await cloud.get("alice", "/ports"))["ports"] == []
    same = await cloud.change("alice", "router", router["id"], external_gateway_info={"network_id": network})
    assert same["external_gateway_info"] == info
    assert (await cloud.refusal("admin", "DELETE", f"/ports/{seen['ports'][0]['id']}"))[:2] == (409, "ServicePortInUse")
    body = {"network": {"router:external": False}}
    refused = await cloud.refusal("admin", "PUT", f"/networks/{network}", body)
    assert refused[:2] == (409, "ExternalNetworkInUse")
    assert (await cloud.refusal("admin", "DELETE", f"/networks/{network}"))[:2] == (409, "NetworkInUse")
    without = await cloud.change("alice", "router", router["id"], external_gateway_info={})
    assert without["external_gateway_info"] is None
    assert (await cloud.get("admin", "/ports"))["ports"] == []


async def test_a_router_goes_with_its_gateway(cloud: Any) -> None:
    network, _ = await _external(cloud)
    router = await cloud.make("alice", "router", external_gateway_info={"network_id": network})
    await cloud.drop("alice", "router", router["id"])
    assert (await cloud.get("admin", "/ports"))["ports"] == []


async def test_only_an_admin_says_how_a_gateway_is_used(cloud: Any) -> None:
    network, subnet = await _external(cloud)
    router = (await cloud.make("alice", "router"))["id"]
    address = {"subnet_id": subnet, "ip_address": "203.0.113.77"}
    for more in ({"enable_snat": False}, {"external_fixed_ips": [address]}):
        info = {"network_id": network, **more}
        assert (await _update(cloud, "alice", router, external_gateway_info=info))[0] == 403
        refused = await cloud.refusal("alice", "POST", "/routers", {"router": {"external_gateway_info": info}})
        assert refused[:2] == (403, "PolicyNotAuthorized")
    info = {"network_id": network, "enable_snat": False, "external_fixed_ips": [address]}
    set_so = await cloud.change("admin", "router", router, external_gateway_info=info)
    assert set_so["external_gateway_info"] == info
    moved = {**address, "ip_address": "203.0.113.78"}
    info = {"network_id": network, "external_fixed_ips": [moved]}
    set_so = await cloud.change("admin", "router", router, external_gateway_info=info)
    assert set_so["external_gateway_info"] == {**info, "enable_snat": True}
    clash = {"network_id": network, "external_fixed_ips": [{"ip_address": "203.0.113.1"}]}
    assert (await _update(cloud, "admin", router, external_gateway_info=clash))[2] == (
        "Bad router request: External IP 203.0.113.1 is the same as the gateway IP."
    )


async def test_a_gateway_is_refused_on_what_is_not_external_or_not_there(cloud: Any) -> None:
    inner, _ = await cloud.network_with_subnet()
    router = (await cloud.make("alice", "router"))["id"]
    assert await _update(cloud, "alice", router, external_gateway_info={"network_id": inner}) == (
        400,
        "BadRequest",
        f"Bad router request: Network {inner} is not an external network.",
    )
    assert (await _update(cloud, "alice", router, external_gateway_info={"network_id": _NOWHERE}))[:2] == (
        404,
        "NetworkNotFound",
    )
    for nonsense in ({"network_id": "x"}, {"enable_snat": True}, {"network_id": inner, "colour": 1}, "x"):
        assert (await _update(cloud, "alice", router, external_gateway_info=nonsense))[0] == 400


async def test_a_network_opened_to_one_project_as_external_is_a_gateway_for_that_project_only(cloud: Any) -> None:
    network = await cloud.make("admin", "network", name="for red")
    body = {"object_type": "network", "object_id": network["id"], "action": "access_as_external"}
    policy = await cloud.make("admin", "rbac_policy", **body, target_tenant="red")
    info = {"network_id": network["id"]}
    router = await cloud.make("alice", "router", external_gateway_info=info)
    used = await cloud.refusal("admin", "DELETE", f"/rbac-policies/{policy['id']}")
    assert used[:2] == (409, "RbacPolicyInUse")
    assert router["external_gateway_info"] == {**info, "enable_snat": True, "external_fixed_ips": []}
    refused = await cloud.refusal("bob", "POST", "/routers", {"router": {"external_gateway_info": info}})
    assert refused[:2] == (404, "NetworkNotFound")
    await cloud.drop("alice", "router", router["id"])
    assert (await cloud.ask("admin", "DELETE", f"/rbac-policies/{policy['id']}")).status == 204


async def test_extra_routes_need_next_hops_that_the_router_reaches(cloud: Any) -> None:
    _, subnet = await cloud.network_with_subnet()
    router = (await cloud.make("alice", "router"))["id"]
    await cloud.ask("alice", "PUT", f"/routers/{router}/add_router_interface", {"subnet_id": subnet["id"]})
    route = {"destination": "10.7.0.0/16", "nexthop": "10.0.0.9"}
    assert (await cloud.change("alice", "router", router, routes=[route]))["routes"] == [route]
    for nexthop, reason in (("10.1.0.9", "is not connected with router"), ("10.0.0.1", "is used by router")):
        refused = await _update(cloud, "alice", router, routes=[{**route, "nexthop": nexthop}])
        assert refused[:2] == (400, "InvalidRoutes")
        assert refused[2].endswith(f"the nexthop {reason}.")
    many = [{**route, "destination": f"10.7.{number}.0/24"} for number in range(31)]
    assert (await _update(cloud, "alice", router, routes=many))[:2] == (400, "RoutesExhausted")
    for nonsense in ([{"destination": "10.7.0.0/16"}], [{**route, "nexthop": "x"}], [route, route], "x"):
        assert (await _update(cloud, "alice", router, routes=nonsense))[0] == 400
    assert (await cloud.refusal("alice", "POST", "/routers", {"router": {"routes": [route]}}))[0] == 400
    part = await cloud.refusal(
        "alice", "PUT", f"/routers/{router}/remove_router_interface", {"subnet_id": subnet["id"]}
    )
    assert part[:2] == (409, "RouterInterfaceInUseByRoute")
    assert (await cloud.change("alice", "router", router, routes=None))["routes"] == []


async def test_extra_routes_are_added_and_removed_one_by_one(cloud: Any) -> None:
    _, subnet = await cloud.network_with_subnet()
    router = (await cloud.make("alice", "router"))["id"]
    path = f"/routers/{router}"
    await cloud.ask("alice", "PUT", path + "/add_router_interface", {"subnet_id": subnet["id"]})
    one, two = [{"destination": f"10.7.{number}.0/24", "nexthop": "10.0.0.9"} for number in (1, 2)]

    async def after(verb: str, *routes: Any) -> Any:
        reply = await cloud.ask("alice", "PUT", f"{path}/{verb}", {"router": {"routes": list(routes)}})
        assert reply.status == 200, reply.body
        return reply.json()["router"]["routes"]

    assert await after("add_extraroutes", one) == [one]
    assert await after("add_extraroutes", one, two) == [one, two]
    assert await after("remove_extraroutes", one) == [two]
    assert await after("remove_extraroutes", one, two) == []
    unreachable = {"router": {"routes": [{**one, "nexthop": "10.1.0.1"}]}}
    refused = await cloud.refusal("alice", "PUT", path + "/add_extraroutes", unreachable)
    assert refused[:2] == (400, "InvalidRoutes")
    for nonsense in ({}, {"router": {}}, {"router": {"routes": [], "name": "x"}}):
        assert (await cloud.refusal("alice", "PUT", path + "/add_extraroutes", nonsense))[0] == 400


async def test_one_router_too_many_is_refused(cloud: Any) -> None:
    await cloud.ask("admin", "PUT", "/quotas/red", {"quota": {"router": 1}})
    await cloud.make("alice", "router")
    refused = await cloud.refusal("alice", "POST", "/routers", {"router": {}})
    assert refused == (409, "OverQuota", "Quota exceeded for resources: ['router'].")
    details = (await cloud.get("alice", "/quotas/red/details"))["quota"]
    assert details["router"] == {"limit": 1, "used": 1, "reserved": 0}


async def test_a_router_has_tags(cloud: Any) -> None:
    router = (await cloud.make("alice", "router"))["id"]
    await cloud.make("alice", "router")
    assert (await cloud.ask("alice", "PUT", f"/routers/{router}/tags", {"tags": ["a", "b"]})).status == 200
    assert [found["id"] for found in (await cloud.get("alice", "/routers", tags="a,b"))["routers"]] == [router]


async def test_there_are_no_floating_ips_and_none_can_be_made(cloud: Any) -> None:
    network_id, _ = await _external(cloud)
    assert await cloud.get("alice", "/floatingips", project_id="red") == {"floatingips": []}
    wanted = {"floatingip": {"floating_network_id": network_id}}
    status, _, message = await cloud.refusal("alice", "POST", "/floatingips", wanted)
    assert (status, message) == (501, "Floating IPs are not implemented by this cloud yet.")
    for method in ("GET", "PUT", "DELETE"):
        assert (await cloud.refusal("alice", method, f"/floatingips/{_NOWHERE}"))[:2] == (404, "FloatingIPNotFound")


async def test_there_is_no_choice_of_service_providers(cloud: Any) -> None:
    assert await cloud.get("alice", "/service-providers", service_type="VPN") == {"service_providers": []}
