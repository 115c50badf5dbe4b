"""Groups and their members on the wire."""

from __future__ import annotations

from kilonova_neighbours.identity.api import attributes, users
from kilonova_neighbours.identity.api.answers import Plain, listing, query, with_link
from kilonova_neighbours.identity.api.permits import (
    IdentityCall,
    domain_of_reader,
    may_manage,
    may_read,
    permit,
    target,
)
from kilonova_neighbours.identity.api.projects import default_domain
from kilonova_neighbours.identity.api.types.users import CreateGroup, UpdateGroup
from kilonova_neighbours.identity.app import finding, groups
from kilonova_neighbours.identity.model.users import Group


def view(call: IdentityCall, group: Group) -> Plain:
    plain = {
        **group.extra,
        "id": group.id,
        "name": group.name,
        "domain_id": group.domain_id,
        "description": group.description,
    }
    return with_link(call, plain, "groups")


async def create(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.group, CreateGroup)
    values = {"domain_id": default_domain(call), **attributes.given(known)}
    permit(may_manage(call.identity, domain=values["domain_id"]), "identity:create_group")
    return {"group": view(call, await call.app.write(groups.create, values, extra))}


async def list_(call: IdentityCall) -> Plain:
    asked = query(call)
    equals = {name: asked[name] for name in ("domain_id", "name") if asked.get(name)}
    if domain_id := domain_of_reader(call.identity):
        equals["domain_id"] = domain_id
    found = await call.app.read(groups.find, equals)
    return listing(call, "groups", [view(call, group) for group in found], ("name", "domain_id", "description"))


async def _known(call: IdentityCall, policy: str, *, manage: bool = False) -> Group:
    group = await target(call, policy, call.app.read(groups.show, call.path["group_id"]))
    allowed = may_manage if manage else may_read
    permit(allowed(call.identity, domain=group.domain_id), policy)
    return group


async def show(call: IdentityCall) -> Plain:
    return {"group": view(call, await _known(call, "identity:get_group"))}


async def update(call: IdentityCall) -> Plain:
    await _known(call, "identity:update_group", manage=True)
    known, extra = attributes.read(call.body.group, UpdateGroup)
    group = await call.app.write(groups.change, call.path["group_id"], attributes.given(known), extra)
    return {"group": view(call, group)}


async def delete(call: IdentityCall) -> None:
    await _known(call, "identity:delete_group", manage=True)
    await call.app.write(groups.delete, call.path["group_id"])


async def members(call: IdentityCall) -> Plain:
    await _known(call, "identity:list_users_in_group")
    found = await call.app.read(groups.members, call.path["group_id"])
    return listing(call, "users", [users.view(call, user) for user in found], ("name", "enabled"))


async def _known_member(call: IdentityCall, policy: str, *, manage: bool = False) -> None:
    """Both sides must be of the caller's domain, where that is all that the caller may speak of."""
    await _known(call, policy, manage=manage)
    user = await target(call, policy, call.app.read(finding.user, call.path["user_id"]))
    allowed = may_manage if manage else may_read
    permit(allowed(call.identity, domain=user.domain_id), policy)


async def add_member(call: IdentityCall) -> None:
    await _known_member(call, "identity:add_user_to_group", manage=True)
    await call.app.write(groups.add_member, call.path["group_id"], call.path["user_id"])


async def check_member(call: IdentityCall) -> None:
    await _known_member(call, "identity:check_user_in_group")
    await call.app.read(groups.check_member, call.path["group_id"], call.path["user_id"])


async def remove_member(call: IdentityCall) -> None:
    await _known_member(call, "identity:remove_user_from_group", manage=True)
    await call.app.write(groups.remove_member, call.path["group_id"], call.path["user_id"])


async def of_user(call: IdentityCall) -> Plain:
    """GET /v3/users/{id}/groups."""
    user = await users.readable(call, "identity:list_groups_for_user")
    found = await call.app.read(groups.of_user, user.id)
    return listing(call, "groups", [view(call, group) for group in found], ("name",))
