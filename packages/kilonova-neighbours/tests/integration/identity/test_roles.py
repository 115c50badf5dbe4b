"""Roles, what they imply, and their assignments."""

from __future__ import annotations

from typing import Any


async def test_a_role_is_made_changed_and_deleted(cloud: Any) -> None:
    role = await cloud.made("POST /roles", {"role": {"name": "cook", "description": "d", "colour": "red"}})
    assert (role["domain_id"], role["options"], role["colour"]) == (None, {}, "red")
    assert await cloud.status("POST /roles", {"role": {"name": "cook"}}) == 409
    assert (await cloud.made(f"PATCH /roles/{role['id']}", {"role": {"name": "chef"}}))["name"] == "chef"
    assert await cloud.status(f"DELETE /roles/{role['id']}") == 204
    assert await cloud.status(f"GET /roles/{role['id']}") == 404


async def test_an_immutable_role_stays(cloud: Any) -> None:
    role = await cloud.made("POST /roles", {"role": {"name": "rock", "options": {"immutable": True}}})
    assert await cloud.status(f"DELETE /roles/{role['id']}") == 403
    assert await cloud.status(f"PATCH /roles/{role['id']}", {"role": {"options": {"immutable": False}}}) == 200
    assert await cloud.status(f"DELETE /roles/{role['id']}") == 204


async def test_domain_roles_are_listed_by_domain_and_do_not_appear_in_tokens(cloud: Any) -> None:
    role = await cloud.made("POST /roles", {"role": {"name": "local", "domain_id": "default"}})
    assert [known["id"] for known in await cloud.made("GET /roles?domain_id=default")] == [role["id"]]
    assert role["id"] not in [known["id"] for known in await cloud.made("GET /roles")]
    assert await cloud.status(f"PUT /roles/{role['id']}/implies/{await cloud.role('reader')}") == 201
    project = await cloud.project("p")
    user = await cloud.user("ann")
    assert await cloud.status(f"PUT /projects/{project['id']}/users/{user['id']}/roles/{role['id']}") == 204
    token = (await cloud.login("ann", "ann-password", {"project": {"id": project["id"]}})).json()["token"]
    assert [known["name"] for known in token["roles"]] == ["reader"]


async def test_a_domain_role_is_refused_in_another_domain(cloud: Any) -> None:
    domain = await cloud.made("POST /domains", {"domain": {"name": "other"}})
    role = await cloud.made("POST /roles", {"role": {"name": "local", "domain_id": domain["id"]}})
    project, user = await cloud.project("p"), await cloud.user("ann")
    assert await cloud.status(f"PUT /projects/{project['id']}/users/{user['id']}/roles/{role['id']}") == 403


async def test_implications_are_made_listed_and_taken_back(cloud: Any) -> None:
    role = await cloud.made("POST /roles", {"role": {"name": "cook"}})
    rule = f"/roles/{role['id']}/implies/{await cloud.role('reader')}"
    assert await cloud.status(f"GET {rule}") == 404
    made = await cloud.made(f"PUT {rule}")
    assert (made["prior_role"]["name"], made["implies"]["name"]) == ("cook", "reader")
    assert await cloud.status(f"PUT {rule}") == 409
    assert await cloud.status(f"HEAD {rule}") == 204
    listed = await cloud.made(f"GET /roles/{role['id']}/implies")
    assert [known["name"] for known in listed["implies"]] == ["reader"]
    assert "admin" in {known["prior_role"]["name"] for known in await cloud.made("GET /role_inferences")}
    assert await cloud.status(f"DELETE {rule}") == 204
    assert await cloud.status(f"HEAD {rule}") == 404
    assert await cloud.status(f"PUT /roles/{role['id']}/implies/{await cloud.role('admin')}") == 403


async def test_roles_that_imply_each_other_end_somewhere(cloud: Any) -> None:
    one = await cloud.made("POST /roles", {"role": {"name": "one"}})
    two = await cloud.made("POST /roles", {"role": {"name": "two"}})
    await cloud.made(f"PUT /roles/{one['id']}/implies/{two['id']}")
    await cloud.made(f"PUT /roles/{two['id']}/implies/{one['id']}")
    project = await cloud.project("p")
    await cloud.user("ann", roles={project["id"]: "one"})
    token = (await cloud.login("ann", "ann-password", {"project": {"id": project["id"]}})).json()["token"]
    assert {role["name"] for role in token["roles"]} == {"one", "two"}


async def test_grants_are_given_checked_listed_and_taken_everywhere(cloud: Any) -> None:
    user, role = await cloud.user("ann"), await cloud.role("member")
    group = await cloud.made("POST /groups", {"group": {"name": "friends"}})
    project = await cloud.project("p")
    places = [f"/projects/{project['id']}", "/domains/default", "/system"]
    actors = [f"users/{user['id']}", f"groups/{group['id']}"]
    for path in (f"{place}/{actor}/roles" for place in places for actor in actors):
        assert await cloud.status(f"PUT {path}/{role}") == 204
        assert await cloud.status(f"HEAD {path}/{role}") == 204
        assert [known["name"] for known in await cloud.made(f"GET {path}")] == ["member"]
        assert await cloud.status(f"DELETE {path}/{role}") == 204
        assert await cloud.status(f"HEAD {path}/{role}") == 404
        assert await cloud.status(f"DELETE {path}/{role}") == 404


async def test_an_inherited_grant_counts_below_and_not_at_its_place(cloud: Any) -> None:
    top = await cloud.project("top")
    child = await cloud.project("child", parent_id=top["id"])
    user, role = await cloud.user("ann"), await cloud.role("member")
    path = f"/OS-INHERIT/projects/{top['id']}/users/{user['id']}/roles/{role}/inherited_to_projects"
    assert await cloud.status(f"PUT {path}") == 204
    assert await cloud.status(f"HEAD {path}") == 204
    assert (await cloud.login("ann", "ann-password", {"project": {"id": top["id"]}})).status == 401
    token = await cloud.token("ann", "ann-password", {"project": {"id": child["id"]}})
    plain = await cloud.made(f"GET /role_assignments?user.id={user['id']}")
    assert plain[0]["scope"] == {"project": {"id": top["id"]}, "OS-INHERIT:inherited_to": "projects"}
    effective = await cloud.made(f"GET /role_assignments?user.id={user['id']}&effective")
    assert {item["scope"]["project"]["id"] for item in effective} == {child["id"]}
    assert await cloud.status(f"DELETE {path}") == 204
    assert not await cloud.works(token)


async def test_effective_assignments_name_the_members_of_groups_and_implied_roles(cloud: Any) -> None:
    user, project = await cloud.user("ann"), await cloud.project("p")
    group = await cloud.made("POST /groups", {"group": {"name": "friends"}})
    await cloud.status(f"PUT /groups/{group['id']}/users/{user['id']}")
    await cloud.status(f"PUT /projects/{project['id']}/groups/{group['id']}/roles/{await cloud.role('member')}")
    asked = f"/role_assignments?scope.project.id={project['id']}"
    (plain,) = await cloud.made(f"GET {asked}&include_names=true")
    assert plain["group"]["name"] == "friends"
    assert plain["scope"]["project"]["domain"] == {"id": "default", "name": "Default"}
    found = await cloud.made(f"GET {asked}&effective&include_names")
    assert {(item["user"]["name"], item["role"]["name"]) for item in found} == {("ann", "member"), ("ann", "reader")}
    assert all("membership" in item["links"] for item in found)
    only = await cloud.made(f"GET {asked}&effective&role.id={await cloud.role('reader')}")
    assert [item["role"]["id"] for item in only] == [await cloud.role("reader")]
    assert await cloud.status(f"GET {asked}&effective&group.id={group['id']}") == 400
    assert await cloud.status("GET /role_assignments?include_subtree") == 400


async def test_system_assignments_are_found_by_scope(cloud: Any) -> None:
    found = await cloud.made("GET /role_assignments?scope.system=all&include_names")
    everywhere = {"system": {"all": True}}
    assert sorted((item["user"]["name"], item["role"]["name"], item["scope"] == everywhere) for item in found) == [
        ("admin", "admin", True),
        ("kilonova", "reader", True),
    ]
