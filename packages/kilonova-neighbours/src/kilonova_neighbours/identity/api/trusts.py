"""Trusts on the wire (OS-TRUST): made by the trustor, seen by both, ended by the trustor or an admin."""

from __future__ import annotations

from kilonova_kit.clock import iso_micros

from kilonova_neighbours.identity.api import attributes, roles
from kilonova_neighbours.identity.api.answers import Plain, link, listing, query
from kilonova_neighbours.identity.api.application_credentials import moment
from kilonova_neighbours.identity.api.permits import IdentityCall, facts, may_manage, permit, reading
from kilonova_neighbours.identity.api.types.credentials import CreateTrust
from kilonova_neighbours.identity.app import trusts
from kilonova_neighbours.identity.app.trusts import Whole
from kilonova_neighbours.identity.model.credentials import Trust


def view(call: IdentityCall, trust: Trust) -> Plain:
    return {
        **trust.extra,
        "id": trust.id,
        "trustor_user_id": trust.trustor_user_id,
        "trustee_user_id": trust.trustee_user_id,
        "project_id": trust.project_id,
        "impersonation": trust.impersonation,
        "expires_at": None if trust.expires_at is None else iso_micros(trust.expires_at) + "Z",
        "remaining_uses": trust.remaining_uses,
        "redelegation_count": trust.redelegation_count,
        "redelegated_trust_id": trust.redelegated_trust_id,
        "deleted_at": None,
        "links": {"self": link(call, "OS-TRUST", "trusts", trust.id)},
    }


def _whole(call: IdentityCall, whole: Whole) -> Plain:
    own = link(call, "OS-TRUST", "trusts", whole.trust.id, "roles")
    return {
        **view(call, whole.trust),
        "roles": [roles.view(call, role) for role in whole.roles],
        "roles_links": {"self": own, "previous": None, "next": None},
    }


async def create(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.trust, CreateTrust)
    values = attributes.given(known)
    values["expires_at"] = moment(values.get("expires_at"))
    permit(values["trustor_user_id"] == call.identity.user_id, "identity:create_trust")
    whole = await call.app.write(trusts.create, await facts(call), values, extra)
    return {"trust": _whole(call, whole)}


async def list_(call: IdentityCall) -> Plain:
    """Everything for those who may read everything; else the own ones, asked for as trustor or as trustee."""
    asked = query(call)
    equals = {name: asked[name] for name in ("trustor_user_id", "trustee_user_id") if asked.get(name)}
    permit(reading(call.identity) or call.identity.user_id in equals.values(), "identity:list_trusts")
    found = await call.app.read(trusts.find, equals)
    return listing(call, "trusts", [view(call, trust) for trust in found])


async def _known(call: IdentityCall, policy: str) -> Whole:
    whole = await call.app.read(trusts.show, call.path["trust_id"])
    mine = call.identity.user_id in (whole.trust.trustor_user_id, whole.trust.trustee_user_id)
    permit(mine or reading(call.identity), policy)
    return whole


async def show(call: IdentityCall) -> Plain:
    return {"trust": _whole(call, await _known(call, "identity:get_trust"))}


async def delete(call: IdentityCall) -> None:
    whole = await _known(call, "identity:delete_trust")
    permit(may_manage(call.identity, owner=whole.trust.trustor_user_id), "identity:delete_trust")
    await call.app.write(trusts.delete, call.path["trust_id"])


async def list_roles(call: IdentityCall) -> Plain:
    whole = await _known(call, "identity:list_roles_for_trust")
    return listing(call, "roles", [roles.view(call, role) for role in whole.roles])


async def show_role(call: IdentityCall) -> Plain:
    await _known(call, "identity:get_role_for_trust")
    role = await call.app.read(trusts.role, call.path["trust_id"], call.path["role_id"])
    return {"role": roles.view(call, role)}
