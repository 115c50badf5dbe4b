"""Tasks: those of one image, and for administrators all of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from kilonova_kit.clock import iso_seconds
from kilonova_kit.errors import BadRequest

from kilonova_neighbours.image.api.callers import Asked, caller_of
from kilonova_neighbours.image.model.tasks import Task


async def of_image(call: Asked) -> dict[str, Any]:
    tasks = await call.app.tasks.of_image(call.path["image_id"], caller_of(call))
    return {"tasks": [{**_body(task), "image_id": task.image_id, "request_id": task.request_id,
                       "user_id": task.user_id} for task in tasks]}  # fmt: skip


async def list_tasks(call: Asked) -> dict[str, Any]:
    given = dict(parse_qsl(call.request.query_string))
    wanted = {name: value for name, value in given.items() if name in ("type", "status")}
    tasks = await call.app.tasks.newest(wanted, call.app.settings.page_maximum)
    short = [{name: value for name, value in _body(task).items() if name not in _LONG} for task in tasks]
    return {"tasks": short, "first": "/v2/tasks", "schema": "/v2/schemas/tasks"}


async def show(call: Asked) -> dict[str, Any]:
    return _body(await call.app.tasks.get(call.path["task_id"]))


async def create(call: Asked) -> None:
    """Only imports through ``/v2/images/{id}/import`` exist here: this cloud fetches nothing from foreign URLs."""
    raise BadRequest("Tasks cannot be created directly: stage the data and use the image import API")


_LONG = frozenset({"input", "result", "message"})


def _body(task: Task) -> dict[str, Any]:
    body = {
        "id": task.id,
        "type": task.type,
        "status": task.status,
        "owner": task.owner,
        "input": task.input,
        "result": task.result,
        "message": task.message,
        "created_at": iso_seconds(task.created_at),
        "updated_at": iso_seconds(task.updated_at),
        "self": f"/v2/tasks/{task.id}",
        "schema": "/v2/schemas/task",
    }
    if task.expires_at is not None:
        body["expires_at"] = iso_seconds(task.expires_at)
    return body
