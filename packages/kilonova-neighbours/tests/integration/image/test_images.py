"""Images: create, show, change, tags, delete, and who may."""

from __future__ import annotations

import pytest


async def test_a_new_image_is_queued_and_shared_by_nobody(cloud):
    reply = await cloud.ask("anna", "POST", "/v2/images", {"name": "disk", "os_distro": "debian", "tags": ["b", "a"]})
    assert reply.status == 201
    image = reply.json()
    assert reply.headers["location"].endswith(f"/image/v2/images/{image['id']}")
    assert reply.headers["openstack-image-import-methods"] == "glance-direct"
    assert (image["status"], image["visibility"], image["owner"]) == ("queued", "shared", "alpha")
    assert (image["os_distro"], image["tags"], image["size"]) == ("debian", ["a", "b"], None)
    assert image["self"] == f"/v2/images/{image['id']}"
    assert await cloud.show(image["id"]) == image


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x" * 256}, 400),
        ({"name": 7}, 400),
        ({"disk_format": "floppy"}, 400),
        ({"container_format": "box"}, 400),
        ({"visibility": "secret"}, 400),
        ({"min_disk": -1}, 400),
        ({"min_ram": "many"}, 400),
        ({"protected": "yes"}, 400),
        ({"id": "not-a-uuid"}, 400),
        ({"tags": ["x" * 256]}, 400),
        ({"speed": 7}, 400),
        ({"p" * 256: "x"}, 400),
        ([], 400),
        ({"status": "active"}, 403),
        ({"size": 1}, 403),
        ({"checksum": "00"}, 403),
        ({"self": "/"}, 403),
        ({"deleted": "true"}, 403),
        ({"os_glance_thing": "x"}, 403),
        ({"owner": "beta"}, 403),
        ({"visibility": "public"}, 403),
        ({f"p{n}": "x" for n in range(129)}, 413),
        ({"tags": [f"t{n}" for n in range(129)]}, 413),
    ],
)
async def test_a_bad_image_is_refused(cloud, body, status):
    assert (await cloud.ask("anna", "POST", "/v2/images", body)).status == status


async def test_a_given_id_is_taken_once(cloud):
    given = "6a7fd0ab-4c5c-4b4a-9d2a-0c4a6ec9a111"
    assert (await cloud.create(id=given))["id"] == given
    again = await cloud.ask("ben", "POST", "/v2/images", {"id": given})
    assert (again.status, given in again.message()) == (409, True)


async def test_only_an_admin_publishes_or_gives_away(cloud):
    assert (await cloud.create("root", visibility="public", owner="beta"))["owner"] == "beta"
    image = await cloud.create()
    assert (await cloud.patch("anna", image["id"], ("replace", "/visibility", "public"))).status == 403
    assert (await cloud.patch("anna", image["id"], ("replace", "/owner", "beta"))).status == 403
    assert (await cloud.patch("anna", image["id"], ("replace", "/visibility", "community"))).status == 200
    assert (await cloud.patch("root", image["id"], ("replace", "/visibility", "public"))).status == 200


async def test_a_stranger_does_not_find_a_private_image(cloud):
    image = await cloud.create(visibility="private")
    path = f"/v2/images/{image['id']}"
    assert (await cloud.ask("ben", "GET", path)).status == 404
    assert (await cloud.ask("ben", "DELETE", path)).status == 404
    assert (await cloud.patch("ben", image["id"], ("replace", "/name", "mine"))).status == 404
    assert (await cloud.upload(image["id"], b"x", who="ben")).status == 404
    assert (await cloud.ask("ben", "PUT", f"{path}/tags/a")).status == 404
    assert (await cloud.ask("root", "GET", path)).status == 200


async def test_a_public_image_can_be_seen_but_not_changed(cloud):
    image = await cloud.create("root", visibility="public")
    path = f"/v2/images/{image['id']}"
    assert (await cloud.ask("bea", "GET", path)).status == 200
    assert (await cloud.ask("ben", "DELETE", path)).status == 403
    assert (await cloud.patch("ben", image["id"], ("replace", "/name", "mine"))).status == 403
    assert (await cloud.upload(image["id"], b"x", who="ben")).status == 403
    assert (await cloud.ask("ben", "POST", f"{path}/actions/deactivate")).status == 403


async def test_a_patch_changes_all_or_nothing(cloud):
    image = await cloud.create(os_distro="debian")
    reply = await cloud.patch(
        "anna",
        image["id"],
        ("replace", "/name", "new"),
        ("add", "/hw~1rng~0model", "virtio"),
        ("remove", "/os_distro"),
        ("replace", "/tags", ["b", "a", "b"]),
        ("add", "/min_ram", 64),
    )
    assert reply.status == 200, reply.body
    changed = reply.json()
    assert (changed["name"], changed["hw/rng~model"], changed["min_ram"]) == ("new", "virtio", 64)
    assert changed["tags"] == ["a", "b"]
    assert "os_distro" not in changed
    reply = await cloud.patch("anna", image["id"], ("replace", "/name", "newer"), ("remove", "/nothing"))
    assert reply.status == 409
    assert (await cloud.show(image["id"]))["name"] == "new"


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        (("replace", "/id", "x"), 403),
        (("replace", "/status", "active"), 403),
        (("replace", "/size", 1), 403),
        (("add", "/deleted", "x"), 403),
        (("add", "/os_glance_x", "x"), 403),
        (("remove", "/name"), 403),
        (("add", "/locations/-", {"url": "file:///etc/passwd", "metadata": {}}), 403),
        (("replace", "/nothing", "x"), 409),
        (("remove", "/nothing"), 409),
        (("add", "/a/b", "x"), 400),
        (("add", "a", "x"), 400),
        (("add", "/a~2", "x"), 400),
        (("move", "/a", "x"), 400),
        (("add", "/a"), 400),
        (("add", "/a", 5), 400),
        (("replace", "/disk_format", "floppy"), 400),
        (("replace", "/name", "x" * 256), 400),
    ],
)
async def test_a_bad_patch_is_refused(cloud, operation, status):
    image = await cloud.create()
    assert (await cloud.patch("anna", image["id"], operation)).status == status


async def test_the_old_patch_form_still_works(cloud):
    image = await cloud.create()
    path, kind = f"/v2/images/{image['id']}", "application/openstack-images-v2.0-json-patch"
    reply = await cloud.ask("anna", "PATCH", path, [{"replace": "/name", "value": "old"}], Content_Type=kind)
    assert (reply.status, reply.json()["name"]) == (200, "old")
    again = await cloud.ask("anna", "PATCH", path, [{"add": "/name", "value": "x"}], Content_Type=kind)
    assert again.status == 409
    plain = await cloud.ask("anna", "PATCH", path, [{"replace": "/name", "value": "x"}])
    assert plain.status == 415


async def test_formats_are_fixed_once_there_is_data(cloud):
    image = await cloud.create()
    assert (await cloud.upload(image["id"], b"data")).status == 204
    assert (await cloud.patch("anna", image["id"], ("replace", "/disk_format", "qcow2"))).status == 403
    assert (await cloud.patch("anna", image["id"], ("replace", "/min_disk", 3))).status == 200


async def test_tags_come_and_go(cloud):
    image = await cloud.create()
    path = f"/v2/images/{image['id']}/tags"
    assert (await cloud.ask("anna", "PUT", f"{path}/web")).status == 204
    assert (await cloud.ask("anna", "PUT", f"{path}/web")).status == 204
    assert (await cloud.show(image["id"]))["tags"] == ["web"]
    assert (await cloud.ask("anna", "PUT", f"{path}/{'x' * 256}")).status == 400
    assert (await cloud.ask("anna", "DELETE", f"{path}/web")).status == 204
    assert (await cloud.ask("anna", "DELETE", f"{path}/web")).status == 404


async def test_a_protected_image_is_not_deleted(cloud):
    image = await cloud.create(protected=True)
    path = f"/v2/images/{image['id']}"
    assert (await cloud.ask("root", "DELETE", path)).status == 403
    assert (await cloud.patch("anna", image["id"], ("replace", "/protected", False))).status == 200
    assert (await cloud.ask("anna", "DELETE", path)).status == 204
    assert (await cloud.ask("anna", "GET", path)).status == 404
    assert (await cloud.ask("anna", "DELETE", path)).status == 404


async def test_a_deactivated_image_is_read_by_admins_only(cloud):
    image = await cloud.create(visibility="community")
    path = f"/v2/images/{image['id']}"
    assert (await cloud.ask("anna", "POST", f"{path}/actions/deactivate")).status == 403
    await cloud.upload(image["id"], b"data")
    assert (await cloud.ask("anna", "POST", f"{path}/actions/deactivate")).status == 204
    assert (await cloud.show(image["id"]))["status"] == "deactivated"
    assert (await cloud.ask("anna", "GET", f"{path}/file")).status == 403
    assert (await cloud.ask("root", "GET", f"{path}/file")).body == b"data"
    assert (await cloud.ask("anna", "POST", f"{path}/actions/reactivate")).status == 204
    assert (await cloud.ask("ben", "GET", f"{path}/file")).body == b"data"


async def test_an_image_without_an_id_is_not_the_list(cloud):
    for method in ("GET", "DELETE"):
        assert (await cloud.ask("anna", method, "/v2/images/")).status == 404
