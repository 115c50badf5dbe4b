"""Credentials and EC2 key pairs on the wire; their owner may do with them what an admin may."""

from __future__ import annotations

from kilonova_kit.http.operations import Answer

from kilonova_neighbours.identity.api import attributes
from kilonova_neighbours.identity.api.answers import Plain, link, listing, query, with_link
from kilonova_neighbours.identity.api.permits import (
    IdentityCall,
    facts,
    may_manage,
    may_read,
    permit,
    reading,
    refuse_delegation,
    target,
)
from kilonova_neighbours.identity.api.types.credentials import CreateCredential, UpdateCredential
from kilonova_neighbours.identity.app import credentials
from kilonova_neighbours.identity.app.credentials import EcKey
from kilonova_neighbours.identity.model.credentials import Credential


def view(call: IdentityCall, credential: Credential) -> Plain:
    plain = {
        **credential.extra,
        "id": credential.id,
        "user_id": credential.user_id,
        "project_id": credential.project_id,
        "type": credential.type,
        "blob": credential.blob,
    }
    return with_link(call, plain, "credentials")


async def _refuse_delegated(call: IdentityCall, policy: str) -> None:
    """A credential can be traded for a token: who acts for somebody else may not make or change one."""
    await refuse_delegation(call, policy)
    permit((await facts(call)).trust is None, policy)


async def create(call: IdentityCall) -> Plain:
    known, extra = attributes.read(call.body.credential, CreateCredential)
    values = {"user_id": call.identity.user_id, **attributes.given(known)}
    permit(may_manage(call.identity, owner=values["user_id"]), "identity:create_credential")
    await _refuse_delegated(call, "identity:create_credential")
    return {"credential": view(call, await credentials.create(call.app, values, extra))}


async def list_(call: IdentityCall) -> Plain:
    """Everybody may list; who may not read everything sees only the own ones."""
    asked = query(call)
    equals = {name: asked[name] for name in ("user_id", "type") if asked.get(name)}
    if not reading(call.identity):
        equals["user_id"] = call.identity.user_id
    found = await credentials.find(call.app, equals)
    return listing(call, "credentials", [view(call, credential) for credential in found], ("user_id", "type"))


async def _known(call: IdentityCall, policy: str, *, manage: bool) -> Credential:
    found = await target(call, policy, credentials.show(call.app, call.path["credential_id"]))
    allowed = may_manage if manage else may_read
    permit(allowed(call.identity, owner=found.user_id), policy)
    return found


async def show(call: IdentityCall) -> Plain:
    return {"credential": view(call, await _known(call, "identity:get_credential", manage=False))}


async def update(call: IdentityCall) -> Plain:
    await _known(call, "identity:update_credential", manage=True)
    await _refuse_delegated(call, "identity:update_credential")
    known, extra = attributes.read(call.body.credential, UpdateCredential)
    changed = await credentials.change(call.app, call.path["credential_id"], attributes.given(known), extra)
    return {"credential": view(call, changed)}


async def delete(call: IdentityCall) -> None:
    await _known(call, "identity:delete_credential", manage=True)
    await _refuse_delegated(call, "identity:delete_credential")
    await call.app.write(credentials.delete, call.path["credential_id"])


def _ec2_view(call: IdentityCall, key: EcKey) -> Plain:
    return {
        "access": key.access,
        "secret": key.secret,
        "user_id": key.user_id,
        "tenant_id": key.project_id,
        "trust_id": key.trust_id,
        "links": {"self": link(call, "users", key.user_id, "credentials", "OS-EC2", key.access)},
    }


async def create_ec2(call: IdentityCall) -> Answer:
    user_id = call.path["user_id"]
    permit(may_manage(call.identity, owner=user_id), "identity:ec2_create_credential")
    await _refuse_delegated(call, "identity:ec2_create_credential")
    own_project = call.body.tenant_id == call.identity.project_id
    permit(own_project or call.identity.is_admin, "identity:ec2_create_credential")
    key = await credentials.create_ec2(call.app, user_id, call.body.tenant_id)
    return Answer({"credential": _ec2_view(call, key)}, 201)


async def list_ec2(call: IdentityCall) -> Plain:
    permit(may_read(call.identity, owner=call.path["user_id"]), "identity:ec2_list_credentials")
    found = await credentials.list_ec2(call.app, call.path["user_id"])
    return listing(call, "credentials", [_ec2_view(call, key) for key in found])


async def show_ec2(call: IdentityCall) -> Plain:
    permit(may_read(call.identity, owner=call.path["user_id"]), "identity:ec2_get_credential")
    key = await credentials.show_ec2(call.app, call.path["user_id"], call.path["access"])
    return {"credential": _ec2_view(call, key)}


async def delete_ec2(call: IdentityCall) -> None:
    permit(may_manage(call.identity, owner=call.path["user_id"]), "identity:ec2_delete_credential")
    await _refuse_delegated(call, "identity:ec2_delete_credential")
    await call.app.write(credentials.delete_ec2, call.path["user_id"], call.path["access"])
