"""The catalog: regions, services, endpoints, and which project sees which endpoint."""

from __future__ import annotations

from typing import Any


async def made_service(cloud: Any) -> tuple[Any, Any]:
    service = await cloud.made("POST /services", {"service": {"type": "tea", "name": "kettle", "colour": "red"}})
    body = {"service_id": service["id"], "interface": "public", "region_id": "RegionOne"}
    endpoint = await cloud.made("POST /endpoints", {"endpoint": {**body, "url": "http://tea/$(project_id)s"}})
    return service, endpoint


async def types(cloud: Any, token: str) -> dict[str, list[str]]:
    catalog = await cloud.made("GET /auth/catalog", token=token)
    return {entry["type"]: [endpoint["url"] for endpoint in entry["endpoints"]] for entry in catalog}


async def test_a_new_endpoint_is_in_the_next_catalog_with_its_variables_filled(cloud: Any) -> None:
    service, endpoint = await made_service(cloud)
    (demo,) = await cloud.made("GET /projects?name=demo")
    assert (await types(cloud, cloud.demo))["tea"] == [f"http://tea/{demo['id']}"]
    await cloud.made(f"PATCH /endpoints/{endpoint['id']}", {"endpoint": {"enabled": False}})
    assert (await types(cloud, cloud.demo))["tea"] == []
    await cloud.made(f"PATCH /services/{service['id']}", {"service": {"enabled": False}})
    assert "tea" not in await types(cloud, cloud.demo)


async def test_an_endpoint_needs_a_service_and_a_region_that_exist(cloud: Any) -> None:
    service, _ = await made_service(cloud)
    body = {"service_id": service["id"], "interface": "public", "url": "http://x"}
    assert await cloud.status("POST /endpoints", {"endpoint": {**body, "service_id": "missing"}}) == 400
    assert await cloud.status("POST /endpoints", {"endpoint": {**body, "region_id": "missing"}}) == 400
    assert await cloud.status("POST /endpoints", {"endpoint": {**body, "interface": "secret"}}) == 400
    assert await cloud.status("POST /endpoints", {"endpoint": {**body, "url": ""}}) == 400
    made = await cloud.made("POST /endpoints", {"endpoint": {**body, "region": "New"}})
    assert made["region_id"] == made["region"] == "New"


async def test_services_and_endpoints_are_filtered_and_go_together(cloud: Any) -> None:
    service, endpoint = await made_service(cloud)
    assert [known["colour"] for known in await cloud.made("GET /services?type=tea")] == ["red"]
    found = await cloud.made(f"GET /endpoints?service_id={service['id']}&interface=public")
    assert [known["id"] for known in found] == [endpoint["id"]]
    assert await cloud.status(f"DELETE /services/{service['id']}") == 204
    assert await cloud.status(f"GET /endpoints/{endpoint['id']}") == 404


async def test_regions_form_a_tree_that_endpoints_hold_fast(cloud: Any) -> None:
    assert await cloud.status("PUT /regions/North", {"region": {"description": "d"}}) == 201
    assert await cloud.status("POST /regions", {"region": {"id": "North"}}) == 409
    await cloud.made("POST /regions", {"region": {"id": "City", "parent_region_id": "North"}})
    assert [region["id"] for region in await cloud.made("GET /regions?parent_region_id=North")] == ["City"]
    assert await cloud.status("PATCH /regions/North", {"region": {"parent_region_id": "City"}}) == 400
    assert await cloud.status("POST /regions", {"region": {"parent_region_id": "missing"}}) == 404
    assert await cloud.status("DELETE /regions/RegionOne") == 409
    assert await cloud.status("DELETE /regions/North") == 204
    assert await cloud.status("GET /regions/City") == 404


async def test_a_project_that_was_given_endpoints_sees_only_these(cloud: Any) -> None:
    _, endpoint = await made_service(cloud)
    (demo,) = await cloud.made("GET /projects?name=demo")
    path = f"/OS-EP-FILTER/projects/{demo['id']}/endpoints/{endpoint['id']}"
    assert await cloud.status(f"PUT {path}") == 204
    assert await cloud.status(f"HEAD {path}") == 204
    assert [kind for kind, urls in (await types(cloud, cloud.demo)).items() if urls] == ["tea"]
    listed = await cloud.made(f"GET /OS-EP-FILTER/endpoints/{endpoint['id']}/projects")
    assert [project["name"] for project in listed] == ["demo"]
    assert await cloud.status(f"DELETE {path}") == 204
    assert await cloud.status(f"HEAD {path}") == 404
    assert len([kind for kind, urls in (await types(cloud, cloud.demo)).items() if urls]) == 6


async def test_endpoint_groups_choose_by_attributes(cloud: Any) -> None:
    service, endpoint = await made_service(cloud)
    body = {"name": "teas", "filters": {"service_id": service["id"]}}
    group = await cloud.made("POST /OS-EP-FILTER/endpoint_groups", {"endpoint_group": body})
    path = f"/OS-EP-FILTER/endpoint_groups/{group['id']}"
    assert [known["id"] for known in await cloud.made(f"GET {path}/endpoints")] == [endpoint["id"]]
    (demo,) = await cloud.made("GET /projects?name=demo")
    assert await cloud.status(f"PUT {path}/projects/{demo['id']}") == 204
    assert [kind for kind, urls in (await types(cloud, cloud.demo)).items() if urls] == ["tea"]
    assert [known["name"] for known in await cloud.made(f"GET {path}/projects")] == ["demo"]
    assert (await cloud.made(f"PATCH {path}", {"endpoint_group": {"name": "coffees"}}))["name"] == "coffees"
    assert await cloud.status(f"DELETE {path}/projects/{demo['id']}") == 204
    assert await cloud.status(f"GET {path}/projects/{demo['id']}") == 404
    assert await cloud.status(f"DELETE {path}") == 204
