"""Roles and what they imply, on the wire."""

from __future__ import annotations

from kilonova_neighbours.identity.api import attributes
from kilonova_neighbours.identity.api.answers import Plain, link, listing, query, with_link
from kilonova_neighbours.identity.api.permits import IdentityCall
from kilonova_neighbours.identity.api.types.roles import CreateRole, UpdateRole
from kilonova_neighbours.identity.app import roles
from kilonova_neighbours.identity.model.roles import Role


def view(call: IdentityCall, role: Role) -> Plain:
    plain = {
        **role.extra,
        "id": role.id,
        "name": role.name,
        "domain_id": role.domain_id or None,
        "description": role.description,
        "options": role.options,
    }
    return with_link(call, plain, "roles")


def brief(call: IdentityCall, role: Role) -> Plain:
    """A role inside of something else."""
    return {"id": role.id, "name": role.name, "links": {"self": link(call, "roles", role.id)}}


async def create(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.role, CreateRole)
    return {"role": view(call, await call.app.write(roles.create, attributes.given(known), extra))}


async def list_(call: IdentityCall) -> Plain:
    """Global roles, unless a domain is asked for."""
    asked = query(call)
    equals = {name: asked[name] for name in ("name",) if asked.get(name)}
    found = await call.app.read(roles.find, {"domain_id": asked.get("domain_id", ""), **equals})
    return listing(call, "roles", [view(call, role) for role in found], ("name", "description"))


async def show(call: IdentityCall) -> Plain:
    return {"role": view(call, await call.app.read(roles.show, call.path["role_id"]))}


async def update(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.role, UpdateRole)
    role = await call.app.write(roles.change, call.path["role_id"], attributes.given(known), extra)
    return {"role": view(call, role)}


async def delete(call: IdentityCall) -> None:
    await call.app.write(roles.delete, call.path["role_id"])


def _inference(call: IdentityCall, prior: Role, implied: list[Role]) -> Plain:
    return {"prior_role": brief(call, prior), "implies": [brief(call, role) for role in implied]}


def _rule(call: IdentityCall, pair: tuple[Role, Role]) -> Plain:
    prior, implied = pair
    inference = {"prior_role": brief(call, prior), "implies": brief(call, implied)}
    return {"role_inference": inference, "links": {"self": call.own_url}}


async def implications(call: IdentityCall) -> Plain:
    prior, implied = await call.app.read(roles.implied_by, call.path["role_id"])
    return {"role_inference": _inference(call, prior, implied), "links": {"self": call.own_url}}


async def all_implications(call: IdentityCall) -> Plain:
    """GET /v3/role_inferences."""
    found = await call.app.read(roles.all_implications)
    return {
        "role_inferences": [_inference(call, prior, implied) for prior, implied in found],
        "links": {"self": call.own_url, "previous": None, "next": None},
    }


async def show_implication(call: IdentityCall) -> Plain:
    return _rule(call, await call.app.read(roles.implication, call.path["role_id"], call.path["implied_role_id"]))


async def check_implication(call: IdentityCall) -> None:
    await call.app.read(roles.implication, call.path["role_id"], call.path["implied_role_id"])


async def imply(call: IdentityCall) -> Plain:
    return _rule(call, await call.app.write(roles.imply, call.path["role_id"], call.path["implied_role_id"]))


async def unimply(call: IdentityCall) -> None:
    await call.app.write(roles.unimply, call.path["role_id"], call.path["implied_role_id"])
