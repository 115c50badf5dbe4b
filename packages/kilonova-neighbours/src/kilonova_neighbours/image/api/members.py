"""``/v2/images/{image_id}/members``."""

from __future__ import annotations

from typing import Any

from kilonova_kit.clock import iso_seconds
from kilonova_kit.errors import BadRequest

from kilonova_neighbours.image.api.callers import Asked, caller_of
from kilonova_neighbours.image.model.images import Member


async def create(call: Asked) -> dict[str, Any]:
    member_id = _field(call.body, "member", "Member to be added not specified")
    if not member_id:
        raise BadRequest("Member can't be empty")
    if len(member_id) > 255:
        raise BadRequest("A member's id has at most 255 characters")
    return _body(await call.app.members.add(call.path["image_id"], member_id, caller_of(call)))


async def list_members(call: Asked) -> dict[str, Any]:
    members = await call.app.members.list(call.path["image_id"], caller_of(call))
    return {"members": [_body(member) for member in members], "schema": "/v2/schemas/members"}


async def show(call: Asked) -> dict[str, Any]:
    return _body(await call.app.members.get(call.path["image_id"], call.path["member_id"], caller_of(call)))


async def update(call: Asked) -> dict[str, Any]:
    status = _field(call.body, "status", "Status not specified")
    image_id, member_id = call.path["image_id"], call.path["member_id"]
    return _body(await call.app.members.set_status(image_id, member_id, status, caller_of(call)))


async def delete(call: Asked) -> None:
    await call.app.members.remove(call.path["image_id"], call.path["member_id"], caller_of(call))


def _field(body: Any, name: str, missing: str) -> str:
    if not isinstance(body, dict):
        raise BadRequest(f'Expected a {name} in the form: {{"{name}": "..."}}')
    if name not in body:
        raise BadRequest(missing)
    if not isinstance(body[name], str):
        raise BadRequest(f"'{name}' must be a string")
    value: str = body[name]
    return value


def _body(member: Member) -> dict[str, Any]:
    return {
        "member_id": member.member_id,
        "image_id": member.image_id,
        "status": member.status,
        "created_at": iso_seconds(member.created_at),
        "updated_at": iso_seconds(member.updated_at),
        "schema": "/v2/schemas/member",
    }
