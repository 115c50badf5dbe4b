"""Projects and domains: the tree, tags, what may not be changed, what goes with what."""

from __future__ import annotations

from typing import Any

import pytest


async def test_a_project_has_its_domain_as_parent_and_keeps_extra_attributes(cloud: Any) -> None:
    project = await cloud.project("one", description="d", colour="red")
    assert (project["domain_id"], project["parent_id"], project["is_domain"]) == ("default", "default", False)
    assert (project["enabled"], project["tags"], project["options"]) == (True, [], {})
    assert (await cloud.made(f"GET /projects/{project['id']}"))["colour"] == "red"


async def test_names_are_taken_once_per_domain(cloud: Any) -> None:
    domain = await cloud.made("POST /domains", {"domain": {"name": "other"}})
    await cloud.project("one")
    assert await cloud.status("POST /projects", {"project": {"name": "one"}}) == 409
    assert (await cloud.project("one", domain_id=domain["id"]))["domain_id"] == domain["id"]
    assert await cloud.status("POST /projects", {"project": {"name": "x" * 65}}) == 400


async def test_the_tree_is_shown_and_keeps_its_rules(cloud: Any) -> None:
    top = await cloud.project("top")
    child = await cloud.project("child", parent_id=top["id"])
    shown = await cloud.made(f"GET /projects/{child['id']}?parents_as_ids")
    assert shown["parents"] == {top["id"]: {"default": None}}
    assert (await cloud.made(f"GET /projects/{top['id']}?subtree_as_ids"))["subtree"] == {child["id"]: None}
    assert await cloud.status(f"DELETE /projects/{top['id']}") == 403
    assert await cloud.status(f"PATCH /projects/{top['id']}", {"project": {"enabled": False}}) == 403
    assert await cloud.status(f"PATCH /projects/{child['id']}", {"project": {"parent_id": "default"}}) == 403
    assert await cloud.status(f"PATCH /projects/{child['id']}", {"project": {"domain_id": "x"}}) == 400
    assert await cloud.status("POST /projects", {"project": {"name": "x", "parent_id": "missing"}}) == 404


async def test_a_tree_has_five_levels_at_most(cloud: Any) -> None:
    parent = "default"
    for level in range(5):
        parent = (await cloud.project(f"level{level}", parent_id=parent))["id"]
    assert await cloud.status("POST /projects", {"project": {"name": "deeper", "parent_id": parent}}) == 403


async def test_nothing_is_made_below_a_disabled_project(cloud: Any) -> None:
    top = await cloud.project("top", enabled=False)
    assert await cloud.status("POST /projects", {"project": {"name": "x", "parent_id": top["id"]}}) == 400


async def test_tags_are_set_one_by_one_and_searched(cloud: Any) -> None:
    project, other = await cloud.project("one", tags=["red"]), await cloud.project("two")
    path = f"/projects/{project['id']}/tags"
    assert await cloud.status(f"PUT {path}/blue") == 201
    assert await cloud.made(f"GET {path}") == ["red", "blue"]
    assert [known["name"] for known in await cloud.made("GET /projects?tags=red,blue")] == ["one"]
    assert [known["name"] for known in await cloud.made("GET /projects?tags-any=blue,green")] == ["one"]
    assert other["name"] in [known["name"] for known in await cloud.made("GET /projects?not-tags-any=red")]
    assert await cloud.status(f"GET {path}/blue") == 204
    assert await cloud.status(f"DELETE {path}/red") == 204
    assert await cloud.status(f"DELETE {path}/red") == 404
    assert await cloud.made(f"PUT {path}", {"tags": ["a", "b"]}) == ["a", "b"]
    assert await cloud.status(f"PUT {path}", {"tags": ["a,b"]}) == 400
    assert await cloud.status(f"DELETE {path}") == 204
    assert await cloud.made(f"GET {path}") == []


async def test_an_immutable_project_stays_until_the_option_goes(cloud: Any) -> None:
    project = await cloud.project("rock", options={"immutable": True})
    path = f"/projects/{project['id']}"
    assert await cloud.status(f"PATCH {path}", {"project": {"name": "sand"}}) == 403
    assert await cloud.status(f"DELETE {path}") == 403
    assert (await cloud.made(f"PATCH {path}", {"project": {"options": {"immutable": None}}}))["options"] == {}
    assert await cloud.status(f"DELETE {path}") == 204


async def test_a_domain_is_disabled_before_it_is_deleted_with_all_it_holds(cloud: Any) -> None:
    domain = await cloud.made("POST /domains", {"domain": {"name": "other", "colour": "red"}})
    user = await cloud.user("ann", domain=domain["id"])
    project = await cloud.project("p", domain_id=domain["id"])
    path = f"/domains/{domain['id']}"
    assert await cloud.status(f"DELETE {path}") == 403
    assert (await cloud.made(f"PATCH {path}", {"domain": {"enabled": False}}))["colour"] == "red"
    assert await cloud.status(f"DELETE {path}") == 204
    for gone in (path, f"/users/{user['id']}", f"/projects/{project['id']}"):
        assert await cloud.status(f"GET {gone}") == 404


async def test_a_domain_is_a_project_too(cloud: Any) -> None:
    made = await cloud.project("both", is_domain=True)
    assert (made["domain_id"], made["parent_id"]) == (None, None)
    assert made["id"] in [domain["id"] for domain in await cloud.made("GET /domains")]
    assert made["id"] in [project["id"] for project in await cloud.made("GET /projects?is_domain=true")]
    assert made["id"] not in [project["id"] for project in await cloud.made("GET /projects")]


async def test_a_member_sees_its_own_project_and_domain_only(cloud: Any) -> None:
    (demo,) = await cloud.made("GET /projects?name=demo")
    (admin,) = await cloud.made("GET /projects?name=admin")
    assert await cloud.status(f"GET /projects/{demo['id']}", token=cloud.demo) == 200
    assert await cloud.status(f"GET /projects/{admin['id']}", token=cloud.demo) == 403
    assert await cloud.status("GET /domains/default", token=cloud.demo) == 200
    assert await cloud.status("GET /projects", token=cloud.demo) == 403


async def test_a_domains_configuration_is_kept_without_showing_passwords(cloud: Any) -> None:
    domain = await cloud.made("POST /domains", {"domain": {"name": "other"}})
    path = f"/domains/{domain['id']}/config"
    config = {"ldap": {"url": "ldap://x", "password": "secret"}}
    assert await cloud.made(f"PUT {path}", {"config": config}) == {"ldap": {"url": "ldap://x"}}
    changed = await cloud.made(f"PATCH {path}/ldap/url", {"config": {"url": "ldap://y"}})
    assert changed == {"ldap": {"url": "ldap://y"}}
    assert await cloud.status(f"PATCH {path}/ldap/url", {"config": {"user": "u"}}) == 403
    assert await cloud.status(f"PUT {path}", {"config": {"sql": {}}}) == 403
    assert "identity" in await cloud.made("GET /domains/config/default")
    assert await cloud.status(f"DELETE {path}") == 204
    assert await cloud.status(f"GET {path}") == 404


@pytest.mark.parametrize(
    "change",
    [
        {"name": "sand", "options": {}},
        {"enabled": False, "options": {"immutable": None}},
        {"description": "d", "options": {"immutable": True}},
        {"options": {"immutable": True}},
    ],
)
async def test_whoever_takes_the_option_away_changes_nothing_else_with_it(cloud: Any, change: Any) -> None:
    project = await cloud.project("rock", options={"immutable": True})
    role = await cloud.made("POST /roles", {"role": {"name": "rock", "options": {"immutable": True}}})
    assert await cloud.status(f"PATCH /projects/{project['id']}", {"project": change}) == 403
    if "enabled" not in change:
        assert await cloud.status(f"PATCH /roles/{role['id']}", {"role": change}) == 403
    assert (await cloud.made(f"GET /projects/{project['id']}")) == project


async def test_a_project_has_eighty_tags_however_they_come(cloud: Any) -> None:
    many = [f"t{number}" for number in range(81)]
    assert await cloud.status("POST /projects", {"project": {"name": "much", "tags": many}}) == 400
    project = await cloud.project("enough", tags=many[:80])
    path = f"/projects/{project['id']}"
    assert await cloud.status(f"PATCH {path}", {"project": {"tags": many}}) == 400
    assert await cloud.status(f"PUT {path}/tags/t80") == 400
    missing = await cloud.ask(f"GET {path}/tags/t80", token=cloud.admin)
    assert (missing.status, missing.json()["error"]["code"]) == (404, 404)
