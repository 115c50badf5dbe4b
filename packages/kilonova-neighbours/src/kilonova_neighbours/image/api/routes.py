"""The URL table of the image API, below ``/v2``."""

from __future__ import annotations

from typing import Any

from kilonova_kit.http.operations import Operation
from kilonova_kit.http.policy import Policy, admin, anyone, authenticated, member, reader

from kilonova_neighbours.image.api import data, discovery, images, members, tasks
from kilonova_neighbours.image.api.metadef_routes import METADEF_OPERATIONS
from kilonova_neighbours.image.api.types.images import PATCH_NEW, PATCH_OLD

_DISCOVERY = Policy("get_versions", anyone)
_READ = Policy("get_image", reader)
_CHANGE = Policy("modify_image", member)
_TASKS = Policy("tasks_api_access", admin)

_IMAGE = "/images/{image_id}"
_MEMBERS = _IMAGE + "/members"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="choose_version", method="GET", path="//", handler=discovery.choices, policy=_DISCOVERY, public=True
    ),
    Operation(
        name="list_versions",
        method="GET",
        path="//versions",
        handler=discovery.versions,
        policy=_DISCOVERY,
        public=True,
    ),
    Operation(name="show_version", method="GET", path="/", handler=discovery.choices, policy=_DISCOVERY, public=True),
    Operation(
        name="show_version_too", method="GET", path="//v2/", handler=discovery.choices, policy=_DISCOVERY, public=True
    ),
    Operation(
        name="show_schema",
        method="GET",
        path="/schemas/{name}",
        handler=discovery.schema,
        policy=Policy("get_schema", authenticated),
    ),
    Operation(
        name="show_import_methods",
        method="GET",
        path="/info/import",
        handler=discovery.import_info,
        policy=Policy("get_import_info", authenticated),
    ),
    Operation(
        name="list_stores",
        method="GET",
        path="/info/stores",
        handler=discovery.stores_info,
        policy=Policy("get_stores_info", authenticated),
    ),
    Operation(
        name="show_usage",
        method="GET",
        path="/info/usage",
        handler=discovery.usage_info,
        policy=Policy("get_usage", reader),
    ),
    Operation(
        name="create_image",
        method="POST",
        path="/images",
        handler=images.create,
        policy=Policy("add_image", member),
        takes=Any,
        status=201,
    ),
    Operation(
        name="list_images",
        method="GET",
        path="/images",
        handler=images.list_images,
        policy=Policy("get_images", reader),
    ),
    Operation(name="show_image", method="GET", path=_IMAGE, handler=images.show, policy=_READ),
    Operation(
        name="update_image",
        method="PATCH",
        path=_IMAGE,
        handler=images.patch,
        policy=_CHANGE,
        takes=Any,
        content_types=(PATCH_OLD, PATCH_NEW),
    ),
    Operation(
        name="delete_image",
        method="DELETE",
        path=_IMAGE,
        handler=images.delete,
        policy=Policy("delete_image", member),
        status=204,
    ),
    Operation(
        name="deactivate_image",
        method="POST",
        path=_IMAGE + "/actions/deactivate",
        handler=images.deactivate,
        policy=Policy("deactivate", member),
        status=204,
    ),
    Operation(
        name="reactivate_image",
        method="POST",
        path=_IMAGE + "/actions/reactivate",
        handler=images.reactivate,
        policy=Policy("reactivate", member),
        status=204,
    ),
    Operation(
        name="upload_image",
        method="PUT",
        path=_IMAGE + "/file",
        handler=data.upload,
        policy=Policy("upload_image", member),
        takes=bytes,
        status=204,
    ),
    Operation(
        name="download_image",
        method="GET",
        path=_IMAGE + "/file",
        handler=data.download,
        policy=Policy("download_image", reader),
    ),
    Operation(
        name="stage_image",
        method="PUT",
        path=_IMAGE + "/stage",
        handler=data.stage,
        policy=_CHANGE,
        takes=bytes,
        status=204,
    ),
    Operation(
        name="import_image",
        method="POST",
        path=_IMAGE + "/import",
        handler=data.import_image,
        policy=Policy("import_image", member),
        takes=Any,
        status=202,
    ),
    Operation(
        name="add_tag", method="PUT", path=_IMAGE + "/tags/{tag}", handler=images.add_tag, policy=_CHANGE, status=204
    ),
    Operation(
        name="remove_tag",
        method="DELETE",
        path=_IMAGE + "/tags/{tag}",
        handler=images.remove_tag,
        policy=_CHANGE,
        status=204,
    ),
    Operation(
        name="add_member",
        method="POST",
        path=_MEMBERS,
        handler=members.create,
        policy=Policy("add_member", member),
        takes=Any,
    ),
    Operation(
        name="list_members",
        method="GET",
        path=_MEMBERS,
        handler=members.list_members,
        policy=Policy("get_members", reader),
    ),
    Operation(
        name="show_member",
        method="GET",
        path=_MEMBERS + "/{member_id}",
        handler=members.show,
        policy=Policy("get_member", reader),
    ),
    Operation(
        name="update_member",
        method="PUT",
        path=_MEMBERS + "/{member_id}",
        handler=members.update,
        policy=Policy("modify_member", member),
        takes=Any,
    ),
    Operation(
        name="delete_member",
        method="DELETE",
        path=_MEMBERS + "/{member_id}",
        handler=members.delete,
        policy=Policy("delete_member", member),
        status=204,
    ),
    Operation(name="list_image_tasks", method="GET", path=_IMAGE + "/tasks", handler=tasks.of_image, policy=_READ),
    Operation(name="list_tasks", method="GET", path="/tasks", handler=tasks.list_tasks, policy=_TASKS),
    Operation(name="create_task", method="POST", path="/tasks", handler=tasks.create, policy=_TASKS, takes=Any),
    Operation(name="show_task", method="GET", path="/tasks/{task_id}", handler=tasks.show, policy=_TASKS),
    *METADEF_OPERATIONS,
)
