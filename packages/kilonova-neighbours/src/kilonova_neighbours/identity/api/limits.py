"""Unified limits on the wire."""

from __future__ import annotations

from typing import Any

import msgspec
from kilonova_kit.errors import BadRequest
from kilonova_kit.http.wrong_input import explain

from kilonova_neighbours.identity.api import attributes
from kilonova_neighbours.identity.api.answers import Plain, listing, query, with_link
from kilonova_neighbours.identity.api.permits import IdentityCall, domain_reading, permit, reading
from kilonova_neighbours.identity.api.types.limits import (
    CreateLimit,
    CreateRegisteredLimit,
    UpdateLimit,
    UpdateRegisteredLimit,
)
from kilonova_neighbours.identity.app import limits
from kilonova_neighbours.identity.model.limits import Limit, RegisteredLimit

_FILTERS = ("service_id", "region_id", "resource_name", "project_id", "domain_id")
_MODEL = "Limit enforcement and validation does not take project hierarchy into consideration."


def _values(plain: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """These resources keep nothing that they do not know."""
    try:
        return attributes.given(msgspec.convert(plain, kind))
    except msgspec.ValidationError as error:
        raise BadRequest(explain(str(error), plain)) from None


def registered_view(call: IdentityCall, limit: RegisteredLimit) -> Plain:
    return with_link(call, msgspec.structs.asdict(limit), "registered_limits")


def limit_view(call: IdentityCall, limit: Limit) -> Plain:
    return with_link(call, msgspec.structs.asdict(limit), "limits")


async def register(call: IdentityCall) -> Plain:
    many = [_values(plain, CreateRegisteredLimit) for plain in call.body.registered_limits]
    found = await call.app.write(limits.register, many)
    return {"registered_limits": [registered_view(call, limit) for limit in found]}


async def list_registered(call: IdentityCall) -> Plain:
    found = await call.app.read(limits.all_registered, {})
    return listing(call, "registered_limits", [registered_view(call, limit) for limit in found], _FILTERS)


async def show_registered(call: IdentityCall) -> Plain:
    limit = await call.app.read(limits.registered, call.path["registered_limit_id"])
    return {"registered_limit": registered_view(call, limit)}


async def update_registered(call: IdentityCall) -> Plain:
    values = _values(call.body.registered_limit, UpdateRegisteredLimit)
    limit = await call.app.write(limits.change_registered, call.path["registered_limit_id"], values)
    return {"registered_limit": registered_view(call, limit)}


async def delete_registered(call: IdentityCall) -> None:
    await call.app.write(limits.delete_registered, call.path["registered_limit_id"])


async def create(call: IdentityCall) -> Plain:
    many = [_values(plain, CreateLimit) for plain in call.body.limits]
    found = await call.app.write(limits.create, many)
    return {"limits": [limit_view(call, limit) for limit in found]}


async def list_(call: IdentityCall) -> Plain:
    """Who may not read everything sees the limits of its own project, or of its domain and the projects in it."""
    asked, identity = query(call), call.identity
    if reading(identity):
        equals = {name: asked[name] for name in ("project_id", "domain_id") if asked.get(name)}
        found = await call.app.read(limits.limits, equals)
    elif identity.domain_id:
        found = await call.app.read(limits.limits_in_domain, identity.domain_id)
    else:
        found = await call.app.read(limits.limits, {"project_id": identity.project_id or ""})
    return listing(call, "limits", [limit_view(call, limit) for limit in found], _FILTERS)


async def show(call: IdentityCall) -> Plain:
    limit = await call.app.read(limits.limit, call.path["limit_id"])
    identity = call.identity
    own = limit.project_id is not None and limit.project_id == identity.project_id
    if not own and not reading(identity):
        domain = await call.app.read(limits.owner_domain, limit)
        permit(domain_reading(identity) and domain == identity.domain_id, "identity:get_limit")
    return {"limit": limit_view(call, limit)}


async def update(call: IdentityCall) -> Plain:
    values = _values(call.body.limit, UpdateLimit)
    return {"limit": limit_view(call, await call.app.write(limits.change, call.path["limit_id"], values))}


async def delete(call: IdentityCall) -> None:
    await call.app.write(limits.delete, call.path["limit_id"])


async def model(call: IdentityCall) -> Plain:
    return {"model": {"name": "flat", "description": _MODEL}}
