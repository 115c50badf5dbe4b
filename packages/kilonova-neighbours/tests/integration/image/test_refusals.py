"""Who is refused: every operation, without a token and with too small a role."""

from __future__ import annotations

import pytest
from kilonova_neighbours.image.service import SERVICE

PUBLIC = {"choose_version", "list_versions", "show_version", "show_version_too"}

#: Any token will do.
ANY_TOKEN = {"show_schema", "show_metadef_schema", "show_import_methods", "list_stores"}

#: The largest role that is still too small.
TOO_SMALL = {
    **dict.fromkeys(
        [
            "show_usage",
            "list_images",
            "show_image",
            "download_image",
            "list_members",
            "show_member",
            "list_image_tasks",
            "list_metadef_resource_types",
            "list_metadef_namespaces",
            "show_metadef_namespace",
            "list_metadef_associations",
            "list_metadef_objects",
            "show_metadef_object",
            "list_metadef_properties",
            "show_metadef_property",
            "list_metadef_tags",
            "show_metadef_tag",
        ],
        "nobody",
    ),
    **dict.fromkeys(
        [
            "create_image",
            "update_image",
            "delete_image",
            "deactivate_image",
            "reactivate_image",
            "upload_image",
            "stage_image",
            "import_image",
            "add_tag",
            "remove_tag",
            "add_member",
            "update_member",
            "delete_member",
        ],
        "rita",
    ),
    **dict.fromkeys(
        [
            "list_tasks",
            "create_task",
            "show_task",
            "create_metadef_namespace",
            "update_metadef_namespace",
            "delete_metadef_namespace",
            "create_metadef_association",
            "delete_metadef_association",
            *(
                f"{verb}_metadef_{noun}"
                for verb in ("create", "update", "delete", "delete_all")
                for noun in ("object", "property", "tag")
            ),
            "create_metadef_tags",
        ],
        "anna",
    ),
}


def _path(operation):
    path = operation.path[1:] if operation.path.startswith("//") else SERVICE.base_path + operation.path
    for name in ("image_id", "member_id", "task_id", "namespace", "name", "tag"):
        path = path.replace(f"{{{name}}}", "some")
    return path


@pytest.mark.parametrize("operation", SERVICE.operations, ids=lambda operation: operation.name)
async def test_who_is_refused(cloud, operation):
    status = (await cloud.ask("", operation.method, _path(operation))).status
    if operation.name in PUBLIC:
        assert status in (200, 300)
        return
    assert status == 401
    assert (await cloud.ask("forged", operation.method, _path(operation))).status == 401
    if operation.name not in ANY_TOKEN:
        assert (await cloud.ask(TOO_SMALL[operation.name], operation.method, _path(operation))).status == 403


async def test_numbers_of_thousands_of_digits_are_refused(cloud):
    image = await cloud.create()
    digits = "9" * 5_000
    reply = await cloud.put("anna", f"/v2/images/{image['id']}/file", b"data", X_OpenStack_Image_Size=digits)
    assert reply.status == 400
    assert (await cloud.upload(image["id"], b"data")).status == 204
    whole = await cloud.ask("anna", "GET", f"/v2/images/{image['id']}/file", Range=f"bytes=0-{digits}")
    assert (whole.status, whole.body) == (206, b"data")
    behind = await cloud.ask("anna", "GET", f"/v2/images/{image['id']}/file", Range=f"bytes={digits}-")
    assert behind.status == 416
    assert (await cloud.ask("anna", "GET", f"/v2/metadefs/namespaces?limit={digits}")).status in (200, 400)


async def test_an_id_has_no_line_after_it(cloud):
    body = {"id": "11111111-2222-3333-4444-555555555555\n"}
    assert (await cloud.ask("anna", "POST", "/v2/images", body)).status == 400


async def test_a_property_that_is_set_to_nothing_is_gone(cloud):
    image = await cloud.create(kernel_id="11111111-2222-3333-4444-555555555555")
    for operation in ("replace", "add"):
        reply = await cloud.patch("anna", image["id"], (operation, "/kernel_id", None))
        assert reply.status == 200, reply.body
        assert reply.json().get("kernel_id") is None


async def test_a_patch_of_very_many_operations_is_looked_through_once(cloud):
    image = await cloud.create()
    many = [("add", f"/p{number}", "x") for number in range(15_000)]
    assert (await cloud.patch("anna", image["id"], *many)).status == 413
    again = [("replace", "/name", f"n{number}") for number in range(15_000)]
    assert (await cloud.patch("anna", image["id"], *again)).json()["name"] == "n14999"


async def test_nobody_asks_for_thousands_of_tags_or_sorts_by_one_key_for_ever(cloud):
    tags = "&".join(f"tag=t{number}" for number in range(3_000))
    assert (await cloud.ask("anna", "GET", f"/v2/images?{tags}")).status == 400
    made = [(await cloud.create(name=name))["id"] for name in "cab"]
    keys = ",".join(["name:asc", *["size:asc", "name:desc"] * 2_000])
    assert await cloud.names("anna", f"sort={keys}&marker={made[1]}") == ["b", "c"]


async def test_a_strangers_image_is_no_marker(cloud):
    secret = await cloud.create("ben", name="secret")
    assert (await cloud.ask("anna", "GET", f"/v2/images?sort=name:asc&marker={secret['id']}")).status == 400
    assert (await cloud.ask("root", "GET", f"/v2/images?sort=name:asc&marker={secret['id']}")).status == 200
