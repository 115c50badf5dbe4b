"""Unified limits, talked through: registered ones, a project's and a domain's own, and who sees which."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
async def cores(cloud: Any) -> dict[str, Any]:
    """Where limits of a resource of the compute service stand."""
    (service,) = await cloud.made("GET /services?type=compute")
    return {"service_id": service["id"], "resource_name": "class:VCPU"}


@pytest.fixture
async def demo(cloud: Any) -> str:
    (project,) = await cloud.made("GET /projects?name=demo")
    return str(project["id"])


async def register(cloud: Any, **values: Any) -> dict[str, Any]:
    (made,) = await cloud.made("POST /registered_limits", {"registered_limits": [{"default_limit": 10, **values}]})
    return dict(made)


async def limit(cloud: Any, **values: Any) -> dict[str, Any]:
    (made,) = await cloud.made("POST /limits", {"limits": [{"resource_limit": 5, **values}]})
    return dict(made)


async def refused(cloud: Any, kind: str, **values: Any) -> tuple[int, str]:
    amount = "default_limit" if kind == "registered_limits" else "resource_limit"
    reply = await cloud.ask(f"POST /{kind}", {kind: [{amount: 5, **values}]}, token=cloud.admin)
    return reply.status, reply.message()


async def test_a_registered_limit_is_made_shown_changed_and_deleted(cloud: Any, cores: dict[str, Any]) -> None:
    body = {"registered_limits": [{**cores, "default_limit": 10, "description": "cores"}]}
    reply = await cloud.ask("POST /registered_limits", body, token=cloud.admin)
    assert (reply.status, list(reply.json())) == (201, ["registered_limits"])
    (made,) = reply.json()["registered_limits"]
    path = f"/registered_limits/{made['id']}"
    assert made["links"]["self"].endswith(f"/v3{path}")
    assert (made["region_id"], made["default_limit"], made["description"]) == (None, 10, "cores")
    assert await cloud.made(f"GET {path}", token=cloud.demo) == made
    changed = await cloud.made(f"PATCH {path}", {"registered_limit": {"default_limit": -1, "region_id": "RegionOne"}})
    assert (changed["default_limit"], changed["region_id"]) == (-1, "RegionOne")
    assert await cloud.status(f"DELETE {path}") == 204
    for request in (f"GET {path}", f"DELETE {path}"):
        reply = await cloud.ask(request, token=cloud.admin)
        assert (reply.status, reply.message()) == (404, f"Could not find registered limit for {made['id']}.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"service_id": "nowhere"},
        {"region_id": "nowhere"},
        {"default_limit": -2},
        {"default_limit": 2**31},
        {"default_limit": "7"},
        {"resource_name": ""},
        {"resource_name": "x" * 256},
        {"colour": "red"},
    ],
)
async def test_a_registered_limit_that_makes_no_sense_is_refused(
    cloud: Any, cores: dict[str, Any], wrong: dict[str, Any]
) -> None:
    assert (await refused(cloud, "registered_limits", **{**cores, **wrong}))[0] == 400
    assert await cloud.made("GET /registered_limits") == []


async def test_many_are_made_at_once_or_none(cloud: Any, cores: dict[str, Any]) -> None:
    assert await cloud.status("POST /registered_limits", {"registered_limits": []}) == 400
    assert await cloud.status("POST /limits", {"limits": []}) == 400
    good = {**cores, "default_limit": 10}
    for bad in ({**good, "colour": "red"}, good):
        body = {"registered_limits": [good, bad]}
        assert await cloud.status("POST /registered_limits", body) in (400, 409)
    assert await cloud.made("GET /registered_limits") == []


async def test_one_resource_of_a_service_in_a_region_is_registered_once(cloud: Any, cores: dict[str, Any]) -> None:
    first = await register(cloud, **cores)
    assert (await refused(cloud, "registered_limits", **cores))[0] == 409
    second = await register(cloud, **cores, region_id="RegionOne")
    moved = {"registered_limit": {"region_id": None}}
    assert await cloud.status(f"PATCH /registered_limits/{second['id']}", moved) == 409
    found = await cloud.made("GET /registered_limits?region_id=RegionOne&resource_name=class:VCPU")
    assert [one["id"] for one in found] == [second["id"]]
    assert len(await cloud.made(f"GET /registered_limits?service_id={first['service_id']}")) == 2


async def test_a_limit_stands_on_a_registered_one(cloud: Any, cores: dict[str, Any], demo: str) -> None:
    status, why = await refused(cloud, "limits", **cores, project_id=demo)
    assert (status, why) == (403, "Unable to create a limit that has no corresponding registered limit.")
    registered = await register(cloud, **cores)
    made = await limit(cloud, **cores, project_id=demo)
    assert (made["project_id"], made["domain_id"], made["resource_limit"]) == (demo, None, 5)
    assert (await refused(cloud, "limits", **cores, project_id=demo))[0] == 409
    path, words = f"/registered_limits/{registered['id']}", "because there are project limits associated with it."
    for request, body in ((f"DELETE {path}", None), (f"PATCH {path}", {"registered_limit": {"default_limit": 3}})):
        reply = await cloud.ask(request, body, token=cloud.admin)
        assert (reply.status, reply.message().endswith(words)) == (403, True)
    change = {"limit": {"resource_limit": 7, "description": "more"}}
    assert (await cloud.made(f"PATCH /limits/{made['id']}", change))["resource_limit"] == 7
    assert await cloud.status(f"PATCH /limits/{made['id']}", {"limit": {"project_id": demo}}) == 400
    assert await cloud.status(f"DELETE /limits/{made['id']}") == 204
    reply = await cloud.ask(f"GET /limits/{made['id']}", token=cloud.admin)
    assert (reply.status, reply.message()) == (404, f"Could not find limit for {made['id']}.")
    assert await cloud.status(f"DELETE {path}") == 204


async def test_a_limit_is_of_a_project_or_of_a_domain(cloud: Any, cores: dict[str, Any], demo: str) -> None:
    await register(cloud, **cores)
    for wrong in ({}, {"project_id": demo, "domain_id": "default"}, {"project_id": "nobody"}, {"domain_id": demo}):
        assert (await refused(cloud, "limits", **cores, **wrong))[0] == 400
    assert (await limit(cloud, **cores, domain_id="default"))["domain_id"] == "default"


async def test_a_project_sees_its_own_limits_and_a_domain_those_of_its_projects(
    cloud: Any, cores: dict[str, Any], demo: str
) -> None:
    await register(cloud, **cores)
    other = await cloud.project("other")
    own, _ = await limit(cloud, **cores, project_id=demo), await limit(cloud, **cores, project_id=other["id"])
    assert [one["id"] for one in await cloud.made("GET /limits", token=cloud.demo)] == [own["id"]]
    assert [one["id"] for one in await cloud.made(f"GET /limits?project_id={demo}")] == [own["id"]]
    assert len(await cloud.made("GET /limits")) == 2
    assert await cloud.status(f"GET /limits/{own['id']}", token=cloud.demo) == 200
    user = await cloud.user("dora")
    role = await cloud.role("reader")
    assert await cloud.status(f"PUT /domains/default/users/{user['id']}/roles/{role}") == 204
    dora = await cloud.token("dora", "dora-password", {"domain": {"id": "default"}})
    assert len(await cloud.made("GET /limits", token=dora)) == 2
    assert (await cloud.made("GET /limits/model", token=cloud.demo))["name"] == "flat"


async def test_a_projects_limits_go_with_it(cloud: Any, cores: dict[str, Any]) -> None:
    await register(cloud, **cores)
    other = await cloud.project("other")
    await limit(cloud, **cores, project_id=other["id"])
    assert await cloud.status(f"DELETE /projects/{other['id']}") == 204
    assert await cloud.made("GET /limits") == []
