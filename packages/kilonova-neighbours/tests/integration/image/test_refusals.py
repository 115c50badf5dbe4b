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
