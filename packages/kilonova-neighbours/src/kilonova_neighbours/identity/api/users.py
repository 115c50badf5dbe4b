"""Users on the wire; a user may read itself and change its own password."""

from __future__ import annotations

from kilonova_neighbours.identity.api import attributes
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
from kilonova_neighbours.identity.api.types.users import ChangePassword, CreateUser, UpdateUser
from kilonova_neighbours.identity.app import users
from kilonova_neighbours.identity.model.users import User

_FILTERS = ("name", "enabled", "domain_id", "default_project_id", "email", "description", "password_expires_at")


def view(call: IdentityCall, user: User) -> Plain:
    plain = {
        **user.extra,
        "id": user.id,
        "name": user.name,
        "domain_id": user.domain_id,
        "enabled": user.enabled,
        "password_expires_at": None,
        "options": user.options,
    }
    if user.default_project_id:
        plain["default_project_id"] = user.default_project_id
    return with_link(call, plain, "users")


async def create(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.user, CreateUser)
    values = {"domain_id": default_domain(call), **attributes.given(known)}
    permit(may_manage(call.identity, domain=values["domain_id"]), "identity:create_user")
    return {"user": view(call, await users.create(call.app, values, extra))}


async def list_(call: IdentityCall) -> Plain:
    asked = query(call)
    equals = {name: asked[name] for name in ("domain_id", "name") if asked.get(name)}
    if domain_id := domain_of_reader(call.identity):
        equals["domain_id"] = domain_id
    found = await call.app.read(users.find, equals)
    return listing(call, "users", [view(call, user) for user in found], _FILTERS)


async def readable(call: IdentityCall, policy: str) -> User:
    user = await target(call, policy, call.app.read(users.show, call.path["user_id"]))
    permit(may_read(call.identity, owner=user.id, domain=user.domain_id), policy)
    return user


async def _manageable(call: IdentityCall, policy: str) -> User:
    user = await target(call, policy, call.app.read(users.show, call.path["user_id"]))
    permit(may_manage(call.identity, domain=user.domain_id), policy)
    return user


async def show(call: IdentityCall) -> Plain:
    return {"user": view(call, await readable(call, "identity:get_user"))}


async def update(call: IdentityCall) -> Plain:
    await _manageable(call, "identity:update_user")
    known, extra = attributes.read(call.body.user, UpdateUser)
    user = await users.change(call.app, call.path["user_id"], attributes.given(known), extra)
    return {"user": view(call, user)}


async def delete(call: IdentityCall) -> None:
    await _manageable(call, "identity:delete_user")
    await call.app.write(users.delete, call.path["user_id"])


async def change_password(call: IdentityCall) -> None:
    """Needs no token: the original password is the proof."""
    known, _ = attributes.read(call.body.user, ChangePassword)
    await users.change_own_password(call.app, call.path["user_id"], known.original_password, known.password)
