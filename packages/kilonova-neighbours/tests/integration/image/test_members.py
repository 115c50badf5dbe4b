"""Sharing an image with another project."""

from __future__ import annotations


async def test_an_image_is_offered_accepted_and_withdrawn(cloud):
    image = await cloud.create(name="gift")
    path = f"/v2/images/{image['id']}/members"
    assert (await cloud.ask("ben", "GET", f"/v2/images/{image['id']}")).status == 404
    offered = await cloud.ask("anna", "POST", path, {"member": "beta"})
    assert (offered.status, offered.json()["status"]) == (200, "pending")
    assert offered.json()["schema"] == "/v2/schemas/member"
    assert (await cloud.ask("anna", "POST", path, {"member": "beta"})).status == 409
    assert await cloud.names("ben") == []
    assert await cloud.names("ben", "member_status=pending") == ["gift"]
    assert (await cloud.ask("ben", "GET", f"/v2/images/{image['id']}")).status == 200
    accepted = await cloud.ask("ben", "PUT", f"{path}/beta", {"status": "accepted"})
    assert (accepted.status, accepted.json()["status"]) == (200, "accepted")
    assert await cloud.names("ben") == ["gift"]
    assert await cloud.names("ben", "visibility=shared") == ["gift"]
    assert (await cloud.ask("anna", "DELETE", f"{path}/beta")).status == 204
    assert (await cloud.ask("anna", "DELETE", f"{path}/beta")).status == 404
    assert await cloud.names("ben") == []


async def test_each_side_may_do_its_own_part_only(cloud):
    image = await cloud.create()
    path = f"/v2/images/{image['id']}/members"
    await cloud.ask("anna", "POST", path, {"member": "beta"})
    await cloud.ask("anna", "POST", path, {"member": "gamma"})
    assert (await cloud.ask("anna", "PUT", f"{path}/beta", {"status": "accepted"})).status == 403
    assert (await cloud.ask("ben", "PUT", f"{path}/gamma", {"status": "accepted"})).status == 404
    assert (await cloud.ask("ben", "PUT", f"{path}/beta", {"status": "maybe"})).status == 400
    assert (await cloud.ask("ben", "POST", path, {"member": "delta"})).status == 403
    assert (await cloud.ask("ben", "DELETE", f"{path}/gamma")).status == 403
    mine = (await cloud.ask("ben", "GET", path)).json()["members"]
    all_of_them = (await cloud.ask("anna", "GET", path)).json()["members"]
    assert [member["member_id"] for member in mine] == ["beta"]
    assert [member["member_id"] for member in all_of_them] == ["beta", "gamma"]
    assert (await cloud.ask("ben", "GET", f"{path}/beta")).status == 200
    assert (await cloud.ask("ben", "GET", f"{path}/gamma")).status == 404


async def test_only_shared_images_have_members(cloud):
    image = await cloud.create("root", visibility="public")
    path = f"/v2/images/{image['id']}/members"
    assert (await cloud.ask("root", "POST", path, {"member": "beta"})).status == 403
    assert (await cloud.ask("root", "GET", path)).status == 403
    assert (await cloud.ask("root", "GET", f"{path}/beta")).status == 404


async def test_a_member_needs_a_name(cloud):
    image = await cloud.create()
    path = f"/v2/images/{image['id']}/members"
    for body in ({}, {"member": ""}, [], {"member": 3}):
        assert (await cloud.ask("anna", "POST", path, body)).status == 400
    assert (await cloud.ask("anna", "PUT", f"{path}/beta", {"state": "x"})).status == 400
    assert (await cloud.ask("anna", "PUT", f"{path}/nobody", {"status": "accepted"})).status == 404
